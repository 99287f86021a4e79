/**
 * The port behind which runs are kept outside our process: they are started, watched and ended here, and live on when
 * the agent dies. What is true about a run is on disk and in the kernel, never in this process: a supervisor opened on
 * the same directory by a later agent sees and controls the runs of the earlier one.
 * Invariant: a run (attempt, run number) is started at most once, ever; whoever creates its claim first wins.
 */
import type { AttemptId } from '@muster/common/ids/ids';
import type { SignalName } from './signal-name.ts';

/** Names one start of an attempt. `run` counts from 1. */
export interface RunKey {
  readonly attemptId: AttemptId;
  readonly run: number;
}

/** What to start, and how it is stopped when the supervised side has to do that itself. */
export interface LaunchSpec {
  readonly key: RunKey;
  /** Program and arguments. A name without a slash is looked up in the PATH of `environment`, or the usual folders. */
  readonly argv: readonly [string, ...string[]];
  /** Absolute. */
  readonly workingDirectory: string;
  /** Exactly the job's environment; MUSTER_ATTEMPT and MUSTER_RUN are added (the marks that find lost children). */
  readonly environment: Readonly<Record<string, string>>;
  /** File the run reads as standard input. Default /dev/null. */
  readonly stdinPath?: string;
  /**
   * After this long the supervised side ends the run even while no agent lives. It checks every 5 s, so it acts up to
   * 6 s late: an agent that lives should stop the run itself, on time. Default: no limit.
   */
  readonly runTimeoutMs?: number;
  /** Between `stopSignal` and SIGKILL when the timeout above fires; rounded up to seconds. */
  readonly graceMs: number;
  /** The polite signal of that stop. */
  readonly stopSignal: SignalName;
}

/** Why a run never came to be. */
export type NotRunReason = 'spawn_error' | 'no_interpreter' | 'not_executable' | 'no_such_directory' | 'never_started';

/** How a run ended. */
export type RunEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | {
      readonly kind: 'signaled';
      /** Undefined for a real-time signal. */
      readonly signal: SignalName | undefined;
      readonly number: number;
      /** True where only the status 128+n says so, which a program could also have chosen itself. */
      readonly fromShellStatus: boolean;
      readonly coreDumped: boolean;
    }
  | { readonly kind: 'not_run'; readonly reason: NotRunReason; readonly detail: string }
  /** Its supervised side died without a record, or the machine was started anew. Processes of it may still live. */
  | { readonly kind: 'lost'; readonly cause: 'supervisor_died' | 'node_rebooted'; readonly detail: string };

/** What a run used. */
export interface RunUsage {
  /** CPU time of the run and of those children it waited for; 10 ms steps. */
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  /** Largest resident memory seen by sampling the tree: a lower bound. */
  readonly peakMemoryBytes?: number;
  /** Real time from claim to exit. */
  readonly wallMs: number;
}

/** What can be seen of a run. */
export type RunObservation =
  /** No claim: it never started, and still could. */
  | { readonly kind: 'absent' }
  /** Claimed as never to be started. */
  | { readonly kind: 'claimed_never' }
  | { readonly kind: 'running'; readonly pid: number; readonly startedAtMs: number }
  | {
      readonly kind: 'ended';
      readonly end: RunEnd;
      readonly usage: RunUsage;
      /** Wall clock, epoch milliseconds. */
      readonly startedAtMs: number;
      readonly endedAtMs: number;
      /** The process that was the run; absent where it is not known. */
      readonly pid?: number;
      /** Set when the supervised side ended it by its own timeout. */
      readonly stoppedBy?: 'timeout';
      /** The signals we sent, each once, in the order of their first sending. */
      readonly signalsSent: readonly SignalName[];
    };

/** What `start` came to. */
export type StartResult =
  | { readonly kind: 'started'; readonly pid: number; readonly startedAtMs: number }
  /** Somebody claimed this run before; nothing was started now. */
  | { readonly kind: 'already_claimed'; readonly observation: RunObservation }
  /** It cannot be started; claimed as never, so that it cannot start later either. */
  | { readonly kind: 'not_run'; readonly reason: NotRunReason; readonly detail: string };

/** The streams of a run that are kept. */
export type OutputStream = 'stdout' | 'stderr';

/** Keeps runs. Every method may be called for runs that an earlier agent started. */
export interface Supervisor {
  /**
   * Claims and starts a run. Throws `invalid_argument` for a spec no process can have (relative directory, NUL,
   * bad variable name), `resource_exhausted` when too many starts wait. Abort rejects with the signal's reason and
   * does not undo: ask `observe`, or `claimNever`. A program whose exec fails only after all checks passed is
   * reported as started, then as ended with `not_run`.
   */
  start(spec: LaunchSpec, signal: AbortSignal): Promise<StartResult>;
  /** What the disk and the kernel say now. */
  observe(key: RunKey): Promise<RunObservation>;
  /** Waits until the run is no longer running; at once where it is not (also `absent`). Abort rejects. */
  ended(key: RunKey, signal: AbortSignal): Promise<RunObservation>;
  /** Makes sure the run never starts, unless it has: one of both wins, and the answer says which. Idempotent. */
  claimNever(key: RunKey): Promise<'never' | 'started'>;
  /** Sends a signal to every process of the run that can be found; returns to how many. Recorded with the run. */
  signalTree(key: RunKey, signal: SignalName): Promise<number>;
  /** How many processes of the run are alive, descendants that left it included; at least 1 while it is running. */
  countTree(key: RunKey): Promise<number>;
  /** The append-only file of one stream; it exists from shortly after the start. */
  outputPath(key: RunKey, stream: OutputStream): string;
  /** Deletes all files of a run. Throws `failed_precondition` while it runs; a run without files is no error. */
  remove(key: RunKey): Promise<void>;
  /** Every run that has files, in the order of names. */
  list(): Promise<RunKey[]>;
}
