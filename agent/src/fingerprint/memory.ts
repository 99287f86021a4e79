/** Memory: of the machine itself, from /proc/meminfo; elsewhere from systeminformation. */
import { create } from '@bufbuild/protobuf';
import { type Memory, MemorySchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { Probe } from './probe.ts';
import { readText } from './system-files.ts';
import { systemInformation } from './system-information.ts';

/** Memory changes when a virtual machine is given more while it runs: rare, and heartbeats carry what is free. */
const PERIOD_MS = 10 * 60_000;

/** Total, available and swap. */
export const memoryProbe: Probe = {
  name: 'memory',
  periodMs: PERIOD_MS,
  timeoutMs: 2_000,
  async run(context) {
    if (context.platform === 'linux') {
      return { part: { memory: parseMemInfo(await readText(context, '/proc/meminfo')) } };
    }
    const { mem } = await systemInformation();
    const { total, available, swaptotal } = await mem();
    const memory = create(MemorySchema, {
      totalBytes: BigInt(total),
      availableBytes: BigInt(available),
      swapTotalBytes: BigInt(swaptotal),
    });
    return { part: { memory } };
  },
};

/** Reads the format of /proc/meminfo. Throws where there is no total. */
export function parseMemInfo(text: string): Memory {
  const totalBytes = memInfoBytes(text, 'MemTotal');
  if (totalBytes === undefined) throw new Error('/proc/meminfo has no MemTotal');
  return create(MemorySchema, {
    totalBytes,
    // Kernels before 3.14 do not reckon it; what is free is the least that a program could have.
    availableBytes: memInfoBytes(text, 'MemAvailable') ?? memInfoBytes(text, 'MemFree') ?? 0n,
    swapTotalBytes: memInfoBytes(text, 'SwapTotal') ?? 0n,
  });
}

/** One line of /proc/meminfo, in bytes; undefined where it is missing. */
export function memInfoBytes(text: string, name: string): bigint | undefined {
  const found = new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(text)?.[1];
  return found === undefined ? undefined : BigInt(found) * 1024n;
}
