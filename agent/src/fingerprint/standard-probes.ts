/** The list of probes. To add one: write it in a file of its own and name it here. */
import { batteryProbe } from './battery.ts';
import { makeCloudProbe } from './cloud.ts';
import { containerEngineProbe } from './container-engine.ts';
import { cpuProbe } from './cpu.ts';
import { disksProbe } from './disks.ts';
import { makeDriversProbe } from './drivers.ts';
import { gpuNvidiaProbe } from './gpu-nvidia.ts';
import { makeInterpretersProbe } from './interpreters.ts';
import { memoryProbe } from './memory.ts';
import { osProbe } from './os.ts';
import type { Probe } from './probe.ts';
import { supervisionProbe } from './supervision.ts';

/** What the agent says about the list. */
export interface ProbeChoices {
  /** Kinds of workload that this agent can run. */
  readonly drivers: readonly string[];
  /** Whether the clouds' metadata services are asked. */
  readonly cloudMetadata: boolean;
}

/** All probes of an agent. */
export function standardProbes({ drivers, cloudMetadata }: ProbeChoices): readonly Probe[] {
  return [
    cpuProbe,
    memoryProbe,
    disksProbe,
    osProbe,
    makeInterpretersProbe(),
    containerEngineProbe,
    gpuNvidiaProbe,
    batteryProbe,
    ...(cloudMetadata ? [makeCloudProbe()] : []),
    supervisionProbe,
    makeDriversProbe(drivers),
  ];
}
