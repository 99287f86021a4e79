/**
 * File systems that hold data. A network file system whose server is gone makes every call about it hang, and four such
 * calls would stop all of the agent's file work: so those are asked about by another program, which can be given up.
 */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { withDeadline } from '@muster/common/clock/clock';
import { type Disk, DiskSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { findProgram } from './find-program.ts';
import { mapBounded } from './map-bounded.ts';
import { dataMounts, type Mount } from './mount-table.ts';
import type { Probe, ProbeContext, ProbeFinding } from './probe.ts';
import { readText } from './system-files.ts';
import { systemInformation } from './system-information.ts';

/** As many as the fingerprint may have. */
const MOST_DISKS = 64;
/** Half of the probe's time, so that one dead server leaves time to ask the others (AT_ONCE at a time). */
const REMOTE_TIMEOUT_MS = 2_000;
/** Local answers come at once; for remote ones a few child processes at a time are enough. */
const AT_ONCE = 8;

/** Sizes and free space. */
export const disksProbe: Probe = {
  name: 'disks',
  periodMs: 60_000,
  timeoutMs: 5_000,
  async run(context, signal) {
    if (context.platform !== 'linux') return { part: { disks: await fromSystemInformation() } };
    const mounts = dataMounts(await readText(context, '/proc/self/mountinfo')).slice(0, MOST_DISKS);
    return ask(mounts, context, signal);
  },
};

interface Space {
  readonly totalBytes: bigint;
  readonly availableBytes: bigint;
}

async function ask(mounts: readonly Mount[], context: ProbeContext, signal: AbortSignal): Promise<ProbeFinding> {
  const silent: string[] = [];
  const found = await mapBounded(mounts, AT_ONCE, async (mount): Promise<Disk[]> => {
    try {
      const space = mount.remote ? await remoteSpace(mount, context, signal) : await localSpace(mount, context);
      const { mountPoint, source, fileSystem } = mount;
      return space === undefined ? [] : [create(DiskSchema, { mountPoint, device: source, fileSystem, ...space })];
    } catch {
      signal.throwIfAborted();
      silent.push(mount.mountPoint);
      return [];
    }
  });
  const complaint = `no answer about ${silent.sort().join(', ')}`;
  return { part: { disks: found.flat() }, ...(silent.length === 0 ? {} : { complaint }) };
}

/** Undefined for a single file that is mounted, as containers have them (/etc/hosts): no place for data. */
async function localSpace({ mountPoint }: Mount, { root }: ProbeContext): Promise<Space | undefined> {
  const path = join(root, mountPoint);
  if (!(await stat(path)).isDirectory()) return undefined;
  const { bsize, blocks, bavail } = await statfs(path, { bigint: true });
  return { totalBytes: blocks * bsize, availableBytes: bavail * bsize };
}

async function remoteSpace({ mountPoint }: Mount, context: ProbeContext, signal: AbortSignal): Promise<Space> {
  const path = await findProgram('stat', context.environment['PATH']);
  if (path === undefined) throw new Error('there is no stat program');
  using deadline = withDeadline(context.clock, REMOTE_TIMEOUT_MS, signal);
  const args = ['-f', '-c', '%S %b %a', '--', join(context.root, mountPoint)];
  const { output } = await context.runCommand({ path, args, environment: { LC_ALL: 'C' } }, deadline.signal);
  return parseStat(output);
}

/** Reads what `stat -f -c '%S %b %a'` prints: block size, all blocks, blocks for ordinary users. */
function parseStat(output: string): Space {
  const [, size = '', blocks = '', available = ''] = /^(\d+) (\d+) (\d+)\s*$/.exec(output) ?? [];
  if (available === '') throw new Error('stat gave no figures');
  return { totalBytes: BigInt(blocks) * BigInt(size), availableBytes: BigInt(available) * BigInt(size) };
}

async function fromSystemInformation(): Promise<Disk[]> {
  const { fsSize } = await systemInformation();
  const all = await fsSize();
  return all.filter(isMacData).map(({ mount, fs, type, size, available }) =>
    create(DiskSchema, {
      mountPoint: mount,
      device: fs,
      fileSystem: type.toLowerCase(),
      totalBytes: BigInt(size),
      availableBytes: BigInt(available),
    }),
  );
}

/** macOS mounts a handful of volumes of its own under /System/Volumes; only one has users' files. */
function isMacData({ mount, size }: { readonly mount: string; readonly size: number }): boolean {
  return size > 0 && (!mount.startsWith('/System/Volumes/') || mount === '/System/Volumes/Data');
}
