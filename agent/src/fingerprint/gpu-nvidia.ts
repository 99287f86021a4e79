/**
 * NVIDIA's GPUs, by nvidia-smi. A field that a driver does not know fails the whole question, so there is a shorter one
 * for old drivers. NVIDIA promises no stable output: each value is checked by itself, and one that is not there is left
 * out. No nvidia-smi: no GPU, and no failure.
 */
import { delimiter, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type Gpu, GpuSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { findProgram } from './find-program.ts';
import type { Probe, ProbeContext } from './probe.ts';
import type { CommandResult } from './run-command.ts';

const fullFields = ['uuid', 'name', 'pci.bus_id', 'driver_version', 'memory.total', 'compute_cap'] as const;
/** compute_cap came with driver 510; the others have been there since 2012. */
const oldFields = ['uuid', 'name', 'pci.bus_id', 'driver_version', 'memory.total'] as const;

/** Beside PATH, where service managers leave it out: WSL's, and that of NVIDIA's own container images. */
const otherDirectories = ['/usr/bin', '/usr/lib/wsl/lib', '/usr/local/nvidia/bin'];

const NO_DEVICES = 'No devices were found';
const MIB = 1024 * 1024;

/** Model, id, memory and driver of each. */
export const gpuNvidiaProbe: Probe = {
  name: 'gpu_nvidia',
  periodMs: 60_000,
  // Without the persistence daemon the driver is loaded for each question: seconds with eight GPUs.
  timeoutMs: 10_000,
  async run(context, signal) {
    const others = otherDirectories.map((directory) => join(context.root, directory));
    const searchPath = [context.environment['PATH'] ?? '', ...others].join(delimiter);
    const path = await findProgram('nvidia-smi', searchPath);
    if (path === undefined) return { part: {} };
    const full = await ask(path, fullFields, context, signal);
    const isOld = full.exitCode !== 0 && /not a valid field/.test(full.output + full.errorOutput);
    return readGpus(isOld ? await ask(path, oldFields, context, signal) : full);
  },
};

/** Reads an answer in the order of the fields above, the last of which may be missing. Throws where there is no answer. */
export function readGpus(result: CommandResult): { part: { gpus: Gpu[] }; complaint?: string } {
  const lines = result.output.split('\n').filter((line) => line.trim() !== '');
  const said = [...lines, ...result.errorOutput.split('\n')].map((line) => line.trim());
  if (said.some((line) => line.startsWith(NO_DEVICES))) return { part: { gpus: [] } };
  const read = lines.map(readLine);
  const gpus = read.filter((each) => each !== undefined);
  if (gpus.length === 0) throw new Error(`nvidia-smi: ${said.find((line) => line !== '') ?? 'no output'}`);
  // A GPU that fell off the bus is a line of prose between the others.
  const strange = lines.filter((_, index) => read[index] === undefined);
  return { part: { gpus }, ...(strange.length === 0 ? {} : { complaint: `nvidia-smi: ${strange.join('; ')}` }) };
}

function readLine(line: string): Gpu | undefined {
  const [uuid = '', name, pciAddress, driverVersion, memoryMib, computeCapability] = line.split(',').map(present);
  if (!/^(GPU|MIG)-/.test(uuid)) return undefined;
  return create(GpuSchema, {
    vendor: 'nvidia',
    model: name ?? '',
    uuid,
    // Without a figure of its own where it shares the machine's memory (GB10, Jetson, WSL): 0.
    memoryBytes: memoryMib !== undefined && /^\d+$/.test(memoryMib) ? BigInt(memoryMib) * BigInt(MIB) : 0n,
    driverVersion: driverVersion ?? '',
    computeCapability: computeCapability ?? '',
    pciAddress: pciAddress ?? '',
  });
}

/** nvidia-smi has many words for "no value": N/A, [N/A], [Not Supported], [Unknown Error], [Insufficient Permissions]. */
function present(raw: string): string | undefined {
  const value = raw.trim();
  return value === '' || value === 'N/A' || /^\[.*\]$/.test(value) ? undefined : value;
}

function ask(
  path: string,
  fields: readonly string[],
  context: ProbeContext,
  signal: AbortSignal,
): Promise<CommandResult> {
  const args = [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'];
  return context.runCommand({ path, args, environment: { LC_ALL: 'C' } }, signal);
}
