/**
 * What the node uses now, for heartbeats. Synchronous on purpose: three reads of /proc and one statfs, together under a
 * millisecond, once in a heartbeat's period. A figure that cannot be read keeps its last value: a heartbeat always goes out.
 */
import { readFileSync, statfsSync } from 'node:fs';
import { cpus, freemem } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type NodeUsage, NodeUsageSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { memInfoBytes } from './memory.ts';

/** What the sampler needs. */
export interface UsageSamplerDeps {
  /** As Node names it: "linux", "darwin". */
  readonly platform: string;
  /** Directory under which /proc lies: "/", and another one only in tests. */
  readonly root: string;
  /** The agent's state directory, whose file system's free space is reported. */
  readonly stateDirectory: string;
  readonly runningAttempts: () => number;
  readonly spoolBytes: () => bigint;
}

/** Takes samples. */
export interface UsageSampler {
  /** Usage now; the share of the cores is since the sample before, or since the sampler was made. */
  sample(): NodeUsage;
}

/** Time of all cores together, in ticks of the same unknown length. */
interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/** Makes a sampler; each keeps its own time of the last sample. */
export function makeUsageSampler(deps: UsageSamplerDeps): UsageSampler {
  const readTimes = lastGood(() => readCpuTimes(deps), { busy: 0, total: 0 });
  const readMemory = lastGood(() => readAvailableMemory(deps), 0n);
  const readDisk = lastGood(() => readFreeDisk(deps.stateDirectory), 0n);
  let before = readTimes();
  return {
    sample() {
      const now = readTimes();
      const cpuPermille = busyPermille(before, now);
      before = now;
      return create(NodeUsageSchema, {
        cpuPermille,
        memoryAvailableBytes: readMemory(),
        stateDiskAvailableBytes: readDisk(),
        runningAttempts: deps.runningAttempts(),
        spoolBytes: deps.spoolBytes(),
        agentMemoryBytes: BigInt(process.memoryUsage.rss()),
      });
    },
  };
}

/** The first line of /proc/stat. Waiting for discs counts as idle; what a hypervisor took away does not. */
function parseCpuTimes(text: string): CpuTimes {
  const line = /^cpu\s+(.*)$/m.exec(text)?.[1];
  if (line === undefined) throw new Error('/proc/stat has no cpu line');
  // user nice system idle iowait irq softirq steal; what follows (guests) is contained in user and nice.
  const ticks = line.trim().split(/\s+/).slice(0, 8).map(Number);
  const total = ticks.reduce((sum, each) => sum + each, 0);
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total };
}

function busyPermille(before: CpuTimes, now: CpuTimes): number {
  const passed = now.total - before.total;
  if (passed <= 0) return 0;
  // The kernel's count of waiting for discs may go back a little.
  return Math.min(Math.max(Math.round(((now.busy - before.busy) / passed) * 1000), 0), 1000);
}

function readCpuTimes({ platform, root }: UsageSamplerDeps): CpuTimes {
  if (platform === 'linux') return parseCpuTimes(readFileSync(join(root, '/proc/stat'), 'utf8'));
  const times = cpus().map((cpu) => cpu.times);
  const total = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { busy: total - times.reduce((sum, { idle }) => sum + idle, 0), total };
}

function readAvailableMemory({ platform, root }: UsageSamplerDeps): bigint {
  if (platform !== 'linux') return BigInt(freemem());
  const text = readFileSync(join(root, '/proc/meminfo'), 'utf8');
  const bytes = memInfoBytes(text, 'MemAvailable') ?? memInfoBytes(text, 'MemFree');
  if (bytes === undefined) throw new Error('/proc/meminfo has no MemAvailable');
  return bytes;
}

function readFreeDisk(path: string): bigint {
  const { bavail, bsize } = statfsSync(path, { bigint: true });
  return bavail * bsize;
}

function lastGood<T>(read: () => T, initial: T): () => T {
  let last = initial;
  return () => {
    try {
      last = read();
    } catch {
      // The figure is stale, which a reader of one heartbeat can live with; probe_failures tells what is broken for good.
    }
    return last;
  };
}
