/** Free bytes under a directory, measured at most once a second: it is asked for with every offer. */
import type { Clock } from '@muster/common/clock/clock';
import type { Disk } from '@muster/common/disk/disk';

/** In a second a node's disk changes by what its jobs write: far less than the reserve that is kept free. */
const FRESH_MS = 1_000;

/** Measures. */
export interface FreeSpace {
  freeBytes(): Promise<number>;
}

/** Measures `path`; a failed measurement counts as 0 bytes, so that nothing new begins on a broken disk. */
export function makeFreeSpace(disk: Pick<Disk, 'freeBytes'>, clock: Clock, path: string): FreeSpace {
  let last: { readonly atMs: number; readonly bytes: number } | undefined;
  return {
    async freeBytes() {
      const nowMs = clock.monotonicMs();
      if (last !== undefined && nowMs - last.atMs < FRESH_MS) return last.bytes;
      const bytes = await disk.freeBytes(path).catch(() => 0);
      last = { atMs: nowMs, bytes };
      return bytes;
    },
  };
}
