/** Processors: from /proc/cpuinfo; what that leaves open (ARM has no model's name), and other systems, from systeminformation. */
import { availableParallelism, machine } from 'node:os';
import { create } from '@bufbuild/protobuf';
import { type Cpu, CpuSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { Probe, ProbeContext } from './probe.ts';
import { readTextIfThere } from './system-files.ts';
import { systemInformation } from './system-information.ts';

/** Asked once: processors do not come and go. */
export const cpuProbe: Probe = {
  name: 'cpu',
  // systeminformation may start lscpu or sysctl; each answers in tens of milliseconds.
  timeoutMs: 2_000,
  async run(context) {
    // As programs see it: a process that is bound to some cores, as in a container, counts only those.
    const logicalCores = availableParallelism();
    const seen = context.platform === 'linux' ? await fromProc(context) : undefined;
    const facts: CpuFacts =
      seen !== undefined && isComplete(seen) ? seen : { ...(await fromSystemInformation()), ...seen };
    const physicalCores = Math.min(facts.physicalCores ?? logicalCores, logicalCores);
    const { model = '', vendor = '' } = facts;
    const cpu: Cpu = create(CpuSchema, { model, vendor, physicalCores, logicalCores, architecture: machine() });
    return { part: { cpu } };
  },
};

/** What is known of a machine's processors; a field that is not known is missing. */
export interface CpuFacts {
  readonly model?: string;
  readonly vendor?: string;
  readonly physicalCores?: number;
}

/** Reads the format of /proc/cpuinfo. Cores are told apart by socket and core number. */
export function parseCpuInfo(text: string): CpuFacts {
  const blocks = text.split(/\n\s*\n/).map(fieldsOf);
  const first = (name: string): string | undefined => blocks.map((block) => block.get(name)).find((value) => value);
  const model = first('model name');
  const vendor = first('vendor_id') ?? armMakers.get(first('CPU implementer') ?? '');
  const cores = new Set(blocks.flatMap(coreOf)).size;
  return {
    ...(model === undefined ? {} : { model }),
    ...(vendor === undefined ? {} : { vendor }),
    ...(cores === 0 ? {} : { physicalCores: cores }),
  };
}

/** The makers that run servers, small boards and virtual machines, by Arm's register MIDR_EL1, bits 24 to 31. */
const armMakers: ReadonlyMap<string, string> = new Map([
  ['0x41', 'ARM'],
  ['0x46', 'Fujitsu'],
  ['0x48', 'HiSilicon'],
  ['0x4e', 'NVIDIA'],
  ['0x51', 'Qualcomm'],
  ['0x61', 'Apple'],
  ['0xc0', 'Ampere'],
]);

function fieldsOf(block: string): Map<string, string> {
  return new Map(
    block.split('\n').flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]];
    }),
  );
}

function coreOf(block: ReadonlyMap<string, string>): string[] {
  const core = block.get('core id');
  return core === undefined ? [] : [`${block.get('physical id') ?? '0'}/${core}`];
}

async function fromProc(context: ProbeContext): Promise<CpuFacts | undefined> {
  const text = await readTextIfThere(context, '/proc/cpuinfo');
  return text === undefined ? undefined : parseCpuInfo(text);
}

function isComplete({ model, vendor, physicalCores }: CpuFacts): boolean {
  return model !== undefined && vendor !== undefined && physicalCores !== undefined;
}

async function fromSystemInformation(): Promise<CpuFacts> {
  const { cpu } = await systemInformation();
  const { manufacturer, brand, vendor, physicalCores } = await cpu();
  return { model: `${manufacturer} ${brand}`.trim(), vendor, ...(physicalCores > 0 ? { physicalCores } : {}) };
}
