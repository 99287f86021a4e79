/** The kinds of workload that this agent was built with. */
import type { Probe } from './probe.ts';

/** Makes the probe. Names as in the fingerprint: "script", "process", "container", "model_server". */
export function makeDriversProbe(names: readonly string[]): Probe {
  return {
    name: 'drivers',
    timeoutMs: 1_000,
    async run() {
      return { part: { drivers: [...names] } };
    },
  };
}
