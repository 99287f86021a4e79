/** How much is measured: little (about two minutes, for every day) or enough to publish. */

/** The sizes of a run. */
export interface Scale {
  /** Rounds of each benchmark; ours and the peer's are interleaved. */
  readonly rounds: number;
  /** Sequential jobs per round. 150: p99 is then the second worst. */
  readonly sequentialJobs: number;
  /** Jobs per round, eight at once: about two seconds at the goal's rate. */
  readonly concurrentJobs: number;
  /** Output of one job. 512 MiB are some three seconds: beyond every buffer and window on the way. */
  readonly outputBytes: number;
  readonly outputRounds: number;
  /** Agents that are held at once. */
  readonly agents: number;
  /** How long they are held before memory is read: at least two heartbeats of each, at the default of 10 s. */
  readonly settleMs: number;
}

const MIB = 1024 * 1024;

/** `make bench-quick`. */
export const quickScale: Scale = {
  rounds: 3,
  sequentialJobs: 150,
  concurrentJobs: 400,
  outputBytes: 512 * MIB,
  outputRounds: 3,
  agents: 2_000,
  settleMs: 20_000,
};

/** `make bench`. */
export const fullScale: Scale = {
  rounds: 7,
  sequentialJobs: 300,
  concurrentJobs: 1_000,
  outputBytes: 512 * MIB,
  outputRounds: 7,
  agents: 2_000,
  settleMs: 60_000,
};
