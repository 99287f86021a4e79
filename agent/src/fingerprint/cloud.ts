/**
 * The cloud's own facts: all clouds are asked at once, and never again after one of them or a plain "no" answered. Only
 * where nobody did, which may be a network that was not up yet, it is asked again for the first minutes.
 */
import { askAws } from './cloud-aws.ts';
import { askAzure } from './cloud-azure.ts';
import { askGcp } from './cloud-gcp.ts';
import type { Probe } from './probe.ts';

/** Base addresses of the metadata services. */
export interface MetadataBases {
  readonly aws: string;
  readonly gcp: string;
  readonly azure: string;
}

/** The real ones. By number: a name could be answered by anybody's name server. */
const linkLocal: MetadataBases = {
  aws: 'http://169.254.169.254',
  gcp: 'http://169.254.169.254',
  azure: 'http://169.254.169.254',
};

const AGAIN_MS = 30_000;
/** Five minutes in all: by then a network that comes up at boot is up. */
const MOST_RUNS = 11;

/** Makes the probe. Leave it out of the list to switch all asking off. */
export function makeCloudProbe(bases: MetadataBases = linkLocal): Probe {
  let runs = 0;
  return {
    name: 'cloud',
    // Each cloud has a second for all its questions; the rest is for a busy machine.
    timeoutMs: 1_500,
    async run({ clock }, signal) {
      runs += 1;
      const answers = await Promise.all([
        askAws(bases.aws, clock, signal),
        askGcp(bases.gcp, clock, signal),
        askAzure(bases.azure, clock, signal),
      ]);
      const here = answers.find((answer) => answer.kind === 'here');
      if (here !== undefined) return { part: { cloud: here.instance } };
      const undecided = answers.every(({ kind }) => kind === 'no_answer') && runs < MOST_RUNS;
      return { part: {}, ...(undecided ? { againInMs: AGAIN_MS } : {}) };
    },
  };
}
