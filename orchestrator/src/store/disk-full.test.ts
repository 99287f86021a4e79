import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { tempDir } from '@muster/testing/temp-dir';
import { openStore } from './open-store.ts';
import { ids, newJob } from './samples.fixture.ts';

/** Room for the empty store and a few hundred jobs, beside a ballast that is deleted to heal it. */
const SIZE = '6m';
const BALLAST_BYTES = 2 * 1024 * 1024;

it('refuses with resource_exhausted while the disk is full, loses nothing, and goes on when there is room', async () => {
  await using dir = await tempDir();
  await using disk = smallDisk(dir.join('small'));
  if (disk === undefined) {
    process.stderr.write('not tested here: a full disk needs root, to mount a small tmpfs\n');
    return;
  }
  const ballast = `${disk.path}/ballast`;
  writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES, 1));
  await using store = await openStore({ dataDirectory: `${disk.path}/data`, clock: systemClock, ids });
  const stored: ReturnType<typeof newJob>[] = [];
  let failure: unknown;
  while (failure === undefined && stored.length < 2_000) {
    const job = newJob({ init: { stdin: new Uint8Array(16 * 1024) } });
    try {
      await store.jobs.submit(job);
      stored.push(job);
    } catch (error) {
      failure = error;
    }
  }
  expect(failure).toMatchObject({ code: 'resource_exhausted', message: expect.stringContaining('disk') });
  await expect(store.jobs.submit(newJob({ init: { stdin: new Uint8Array(64 * 1024) } }))).rejects.toMatchObject({
    code: 'resource_exhausted',
  });
  rmSync(ballast);
  const after = newJob();
  expect((await store.jobs.submit(after)).kind).toBe('stored');
  for (const job of [...stored, after]) expect(await store.jobs.get(job.id)).toMatchObject({ id: job.id });
}, 30_000);

function smallDisk(path: string): ({ readonly path: string } & AsyncDisposable) | undefined {
  mkdirSync(path);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', path]).status === 0;
  if (!mounted) return undefined;
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      spawnSync('umount', [path]);
    },
  };
}
