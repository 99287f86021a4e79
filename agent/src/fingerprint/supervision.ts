/** How runs are kept. A shell outside the agent watches each run; it can neither limit nor change the user. */
import { create } from '@bufbuild/protobuf';
import { SupervisionSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { Probe } from './probe.ts';

/** What the agent's supervisor can do on this machine. */
export const supervisionProbe: Probe = {
  name: 'supervision',
  timeoutMs: 1_000,
  async run() {
    const supervision = create(SupervisionSchema, { supervisor: 'sh', canLimit: false, canSwitchUser: false });
    return { part: { supervision } };
  },
};
