/**
 * What a probe is: one question about the machine, in one file of its own, that fails alone. The list of them is
 * standard-probes.ts; collect.ts runs them.
 */
import type { Clock } from '@muster/common/clock/clock';
import type { Fingerprint } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { RunCommand } from './run-command.ts';

/** What probes are given. */
export interface ProbeContext {
  /** As Node names it: "linux", "darwin". */
  readonly platform: string;
  /** Directory under which the system's own files lie: "/", and another one only in tests. */
  readonly root: string;
  /** The agent's environment; probes use PATH, HOME and DOCKER_HOST. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly runCommand: RunCommand;
}

/** The fields of a fingerprint that one probe fills. No two probes fill the same one, lists excepted: those are joined. */
export type FingerprintPart = Partial<Omit<Fingerprint, '$typeName' | '$unknown' | 'probeFailures'>>;

/** What a probe found. An empty part means: it looked, and there is nothing. */
export interface ProbeFinding {
  readonly part: FingerprintPart;
  /** What could not be found out although the part is good otherwise; reported beside it. */
  readonly complaint?: string;
  /** The finding is not final: look again after this time, whatever the period says. */
  readonly againInMs?: number;
}

/** One question about the machine. */
export interface Probe {
  /** In snake_case, as probe_failures shows it. */
  readonly name: string;
  /** How often the answer may have changed. Unset: it is asked once. */
  readonly periodMs?: number;
  /** After this time the probe is abandoned, and its signal aborted. */
  readonly timeoutMs: number;
  /** Throws where it cannot tell; the message becomes the reason. Ends what it started when the signal is aborted. */
  run(context: ProbeContext, signal: AbortSignal): Promise<ProbeFinding>;
}
