/** What driving attempts needs from the rest of the agent; joined in compose.ts. */
import type { Clock } from '@muster/common/clock/clock';
import type { Disk } from '@muster/common/disk/disk';
import type { AttemptId } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import type { AttemptStatus } from '@muster/gen/muster/agent/v1/assignment_pb';
import type { HeldOutput } from '@muster/gen/muster/agent/v1/session_pb';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { NotRunReason } from '@muster/gen/muster/job/v1/status_pb';
import type { LedgerEntry } from '../assignments/ledger.ts';
import type { RunKey, Supervisor } from '../supervisor/supervisor.ts';

/** A program to start, as a driver prepared it. */
export interface PreparedLaunch {
  readonly argv: readonly [string, ...string[]];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdinPath?: string;
}

/** What preparing came to. */
export type Preparation =
  | { readonly kind: 'ready'; readonly launch: PreparedLaunch }
  | { readonly kind: 'not_run'; readonly reason: NotRunReason; readonly message: string; readonly errno?: string };

/** What a driver is given beside the spec. */
export interface PrepareContext {
  readonly attemptId: AttemptId;
  /** The attempt's own directory, made for it; 0700. */
  readonly workDirectory: string;
  /** Where the run is to begin: the spec's directory, or the attempt's own. */
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdinPath?: string;
}

/** Makes a workload ready to start, by its kind. Abort ends the preparation. */
export interface DriverPort {
  prepare(spec: JobSpec, context: PrepareContext, signal: AbortSignal): Promise<Preparation>;
}

/** The ledger as attempts use it. */
export interface LedgerPort {
  readonly attemptIds: readonly AttemptId[];
  has(attemptId: AttemptId): boolean;
  entry(attemptId: AttemptId): Promise<LedgerEntry | undefined>;
  recordStarted(attemptId: AttemptId, bootId: string, assignment: Uint8Array): Promise<void>;
  recordResult(attemptId: AttemptId, result: Uint8Array): Promise<void>;
  recordForgotten(attemptId: AttemptId): Promise<void>;
}

/** Bytes that each stream of a run produced. */
export interface RunLengths {
  readonly stdout: number;
  readonly stderr: number;
}

/** The output of runs, as attempts see it. */
export interface RunLogsPort {
  /** A run may write from now on. A second call for the same run does nothing. */
  begin(key: RunKey): void;
  /** The run has ended with files of these lengths; returns the lengths that count, at least what was seen before. */
  finish(key: RunKey, lengths: RunLengths): RunLengths;
  /** Nobody needs the output any more. */
  remove(key: RunKey): void;
  held(key: RunKey): HeldOutput[];
}

/** Where statuses go. */
export interface ReportPort {
  report(status: AttemptStatus): void;
  drop(attemptId: string): void;
}

/** All of it. */
export interface AttemptDeps {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly ledger: LedgerPort;
  readonly supervisor: Supervisor;
  readonly drivers: DriverPort;
  readonly logs: RunLogsPort;
  readonly statuses: ReportPort;
  /** This boot of the machine. */
  readonly bootId: string;
  /** Directory of the attempts' own directories. */
  readonly workPath: string;
  /** The agent's own environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly nodeName: string;
}
