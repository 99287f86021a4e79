// The nouns of the job store: job, task, attempt, as unions that carry only what their state has.
// States and how they move are in attempt-machine.ts, task-machine.ts and job-state.ts.
// The spec stays the generated JobSpec: it is a document that the contract owns, validated once at submission and never changed.
import type { AttemptId, JobId, LedgerId, NodeId } from '@muster/common/ids/ids';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';

export const notRunReasons = [
  'refused_policy',
  'invalid_spec',
  'no_such_user',
  'no_such_directory',
  'no_interpreter',
  'not_executable',
  'unsupported',
  'image_pull',
  'no_disk',
  'spawn_error',
  'start_deadline',
  'never_started',
  'withdrawn',
] as const;
/** Why an attempt provably never ran. */
export type NotRunReason = (typeof notRunReasons)[number];

export const stopReasons = [
  'cancel',
  'timeout',
  'lease',
  'drain',
  'preemption',
  'output_limit',
  'unhealthy',
  'superseded',
  'node_rebooted',
] as const;
/** Why Muster stopped a run. */
export type StopReason = (typeof stopReasons)[number];

export const lostReasons = ['supervisor_died', 'node_rebooted', 'ledger_changed', 'node_lost'] as const;
/** Why nobody can say how a run ended. */
export type LostReason = (typeof lostReasons)[number];

export const taskEndReasons = [
  'queue_timeout',
  'dependency_failed',
  'expired',
  'cancelled',
  'skipped_unreachable',
] as const;
/** Why a task ended without an attempt that ran. */
export type TaskEndReason = (typeof taskEndReasons)[number];

/** How a run ended. */
export type How =
  | { readonly kind: 'exited'; readonly code: number }
  | {
      readonly kind: 'signaled';
      readonly number: number;
      readonly signal: string;
      readonly coreDumped: boolean;
      readonly fromShellStatus: boolean;
    }
  | { readonly kind: 'oom' }
  | { readonly kind: 'lost'; readonly reason: LostReason; readonly message: string };

/** What a run used. */
export interface Usage {
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly peakMemoryBytes?: number;
  readonly wallMs: number;
}

/** An attempt that never ran: the reason, a sentence for the user, and the system's error name where there was one. */
export interface NotRunOutcome {
  readonly kind: 'not_run';
  readonly reason: NotRunReason;
  readonly message: string;
  readonly errno?: string;
}

/** An attempt that ran and ended. */
export interface EndedOutcome {
  readonly kind: 'ended';
  readonly how: How;
  readonly stoppedBy?: StopReason;
  readonly signalsSent: readonly string[];
  readonly usage?: Usage;
  readonly pid?: number;
  readonly startedAtMs?: number;
  readonly endedAtMs: number;
}

/** Where an attempt stands, from the durable permission to start on. (offered and accepted live in memory: dispatch/offers.ts.) */
export type AttemptState =
  | { readonly kind: 'start_allowed' }
  | { readonly kind: 'preparing'; readonly phase: string }
  | { readonly kind: 'running'; readonly pid: number; readonly startedAtMs: number }
  | { readonly kind: 'ready'; readonly pid: number; readonly startedAtMs: number }
  | { readonly kind: 'stopping'; readonly pid: number; readonly startedAtMs: number }
  | NotRunOutcome
  | EndedOutcome;

export type OutputStreamName = 'stdout' | 'stderr';

/** What a stream of a run came to: stored + missing = produced once it is complete. */
export interface StreamTally {
  readonly run: number;
  readonly stream: OutputStreamName;
  readonly storedBytes: number;
  readonly missingBytes: number;
  /** Unset: the run has not ended. */
  readonly producedBytes?: number;
}

/** One try of one task on one node. */
export interface Attempt {
  readonly id: AttemptId;
  readonly number: number;
  readonly nodeId: NodeId;
  /** The state directory and boot it was started on; another pair never gets it. */
  readonly ledgerId: LedgerId;
  readonly bootId: string;
  readonly state: AttemptState;
  readonly stopRequested?: StopReason;
  readonly startAllowedAtMs: number;
  /** One entry per stream whose length the node has named, and of every stream that has bytes once the log is complete. */
  readonly streams: readonly StreamTally[];
  /** True: the result and the whole log are durable, so the node may forget it. */
  readonly logComplete: boolean;
}

/** Where a task stands. */
export type TaskState =
  | { readonly kind: 'queued'; readonly message?: string }
  | { readonly kind: 'assigned' }
  | { readonly kind: 'running' }
  | {
      readonly kind: 'succeeded' | 'failed' | 'cancelled' | 'lost';
      readonly endedAtMs: number;
      readonly reason?: TaskEndReason;
      readonly message?: string;
    };

/** One copy of a job. */
export interface Task {
  readonly index: number;
  readonly state: TaskState;
  /** The one node it may run on. Unset: any matching. */
  readonly nodeId?: NodeId;
  /** Oldest first. */
  readonly attempts: readonly Attempt[];
}

export const jobStates = ['waiting', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost'] as const;
/** A job's state, derived from its tasks. */
export type JobState = (typeof jobStates)[number];

/** How many tasks are in each state. */
export type TaskCounts = Readonly<Record<TaskState['kind'], number>>;

/** A job without its tasks, as lists show it. */
export interface JobSummary {
  readonly id: JobId;
  readonly spec: JobSpec;
  readonly state: JobState;
  readonly taskCounts: TaskCounts;
  readonly submittedAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly cancelRequestedAtMs?: number;
  readonly submittedBy: string;
  /** Grows with every change of the job, its tasks or attempts. */
  readonly revision: number;
}

/** A job with its tasks and their attempts. */
export interface Job extends JobSummary {
  readonly tasks: readonly Task[];
}
