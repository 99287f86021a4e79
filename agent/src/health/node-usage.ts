/** What the node uses now, for heartbeats. Read from /proc between two heartbeats, so that a heartbeat never waits for it. */
import { cpus, freemem } from 'node:os';
import { memoryUsage } from 'node:process';
import { create } from '@bufbuild/protobuf';
import type { Clock } from '@muster/common/clock/clock';
import type { Disk } from '@muster/common/disk/disk';
import { type NodeUsage, NodeUsageSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';

/** As often as the default heartbeat: each heartbeat then has a fresh reading. */
const READ_EVERY_MS = 10_000;

/** Where the figures come from. */
export interface NodeUsageDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly statePath: string;
  readonly runningAttempts: () => number;
  readonly spoolBytes: () => number;
}

/** The figures, kept fresh by `run`. */
export interface NodeUsageReader {
  usage(): NodeUsage;
  /** Reads until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

interface CpuTimes {
  readonly busyMs: number;
  readonly totalMs: number;
}

/** Makes the reader; before its first reading, memory and disk are 0. */
export function makeNodeUsageReader(deps: NodeUsageDeps): NodeUsageReader {
  let memoryAvailableBytes = 0;
  let stateDiskAvailableBytes = 0;
  let last = cpuTimes();
  const read = async (): Promise<void> => {
    memoryAvailableBytes = await availableMemory(deps.disk);
    stateDiskAvailableBytes = await deps.disk.freeBytes(deps.statePath).catch(() => 0);
  };
  return {
    usage() {
      const now = cpuTimes();
      const cpuPermille = permille(last, now);
      last = now;
      return create(NodeUsageSchema, {
        cpuPermille,
        memoryAvailableBytes: BigInt(memoryAvailableBytes),
        stateDiskAvailableBytes: BigInt(stateDiskAvailableBytes),
        runningAttempts: deps.runningAttempts(),
        spoolBytes: BigInt(deps.spoolBytes()),
        agentMemoryBytes: BigInt(memoryUsage.rss()),
      });
    },
    async run(signal) {
      for (;;) {
        await read();
        await deps.clock.sleep(READ_EVERY_MS, signal);
      }
    },
  };
}

function cpuTimes(): CpuTimes {
  let busyMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    const busy = times.user + times.nice + times.sys + times.irq;
    busyMs += busy;
    totalMs += busy + times.idle;
  }
  return { busyMs, totalMs };
}

function permille(from: CpuTimes, to: CpuTimes): number {
  const totalMs = to.totalMs - from.totalMs;
  return totalMs <= 0 ? 0 : Math.round((1000 * (to.busyMs - from.busyMs)) / totalMs);
}

/** MemAvailable counts what caches would give back; freemem() does not. */
async function availableMemory(disk: Disk): Promise<number> {
  const bytes = await disk.readFile('/proc/meminfo').catch(() => undefined);
  const [, kibibytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(new TextDecoder().decode(bytes)) ?? [];
  return kibibytes === undefined ? freemem() : Number(kibibytes) * 1024;
}
