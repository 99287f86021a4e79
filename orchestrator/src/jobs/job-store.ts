// What the use cases need of the store, in their words. Each method is one transaction, group-committed, durable when its promise resolves;
// business refusals are outcomes, broken storage throws AppError. The transaction decides every race: what is in memory follows it.
// Implemented by store/sqlite-job-store.ts; another database may come behind the same port.
import type { AttemptId, JobId, LedgerId, NodeId } from '@muster/common/ids/ids';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import type {
  Attempt,
  AttemptState,
  Job,
  JobState,
  JobSummary,
  LostReason,
  StopReason,
  StreamTally,
  Task,
} from '../domain/job.ts';

/** A task of a job that is being submitted. */
export type NewTask =
  | { readonly kind: 'queued'; readonly nodeId?: NodeId }
  | { readonly kind: 'skipped_unreachable'; readonly nodeId: NodeId; readonly message: string };

/** A job that is being submitted; its tasks are numbered in their order. */
export interface NewJob {
  readonly id: JobId;
  readonly spec: JobSpec;
  readonly requestId?: string;
  /** SHA-256 of the canonical spec, hex: decides whether a repeated requestId means the same job. */
  readonly specDigest: string;
  readonly submittedBy: string;
  readonly submittedAtMs: number;
  readonly tasks: readonly NewTask[];
}

export type SubmitResult =
  | { readonly kind: 'stored'; readonly job: Job }
  | { readonly kind: 'repeated'; readonly job: Job }
  | { readonly kind: 'request_id_reused' };

/** An accepted offer that asks for its permission to start. */
export interface StartRequest {
  readonly jobId: JobId;
  readonly taskIndex: number;
  readonly attemptId: AttemptId;
  readonly nodeId: NodeId;
  readonly ledgerId: LedgerId;
  readonly bootId: string;
  readonly atMs: number;
}

export type StartResult =
  | { readonly kind: 'allowed'; readonly job: JobSummary; readonly attempt: Attempt }
  /** The task is no longer queued: cancelled, timed out, or already given to another attempt. */
  | { readonly kind: 'not_queued' };

/** What a node reports about an attempt. */
export interface StatusReport {
  readonly attemptId: AttemptId;
  readonly nodeId: NodeId;
  readonly state: AttemptState;
  /** Lengths of the streams, when the state is ended. */
  readonly streamLengths: readonly {
    readonly run: number;
    readonly stream: 'stdout' | 'stderr';
    readonly lengthBytes: number;
  }[];
  readonly atMs: number;
}

export type StatusResult =
  /** The attempt moved. `requeued`: it never ran, and its task waits for another node. */
  | {
      readonly kind: 'moved';
      readonly job: JobSummary;
      readonly task: Task;
      readonly attempt: Attempt;
      readonly requeued: boolean;
    }
  /** A lower or equal rank: to be acknowledged, nothing changed. */
  | { readonly kind: 'ignored'; readonly job: JobSummary; readonly task: Task; readonly attempt: Attempt }
  /** No such attempt on that node. */
  | { readonly kind: 'unknown' };

export type CancelResult =
  /** `toStop`: attempts that were allowed to start and have not ended; each now has stopRequested cancel. */
  | { readonly kind: 'requested'; readonly job: Job; readonly toStop: readonly Attempt[] }
  | { readonly kind: 'already_ended'; readonly job: Job }
  | { readonly kind: 'not_found' };

/** An attempt that is not settled: it has not ended, or its log is not complete. */
export interface UnsettledAttempt {
  readonly jobId: JobId;
  readonly taskIndex: number;
  readonly spec: JobSpec;
  readonly attempt: Attempt;
}

export interface JobFilter {
  readonly states: readonly JobState[];
  readonly matchLabels: Readonly<Record<string, string>>;
}

export interface JobPage {
  readonly jobs: readonly JobSummary[];
  /** Id of the last job, to go on after. Unset: there is no more. */
  readonly next?: JobId;
}

export interface JobStore {
  /** Stores a job, or finds the one that has the same requestId. */
  submit(job: NewJob): Promise<SubmitResult>;
  /** Commits the permission to start: inserts the attempt (number = highest + 1) as start_allowed and makes its task assigned. */
  allowStart(request: StartRequest): Promise<StartResult>;
  /** Applies a report by domain/attempt-machine.ts, and what follows from it for task and job. */
  recordStatus(report: StatusReport): Promise<StatusResult>;
  /** Stores a cancel: queued tasks end as cancelled, attempts that may run get stopRequested. */
  requestCancel(jobId: JobId, atMs: number): Promise<CancelResult>;
  /** Ends a task that is still queued. Resolves with undefined when it is not queued any more. */
  endQueuedTask(
    jobId: JobId,
    taskIndex: number,
    reason: 'queue_timeout' | 'expired' | 'skipped_unreachable',
    message: string,
    atMs: number,
  ): Promise<JobSummary | undefined>;
  /** Fails a queued task that its only node refuses for good, with the refusal as its attempt-less reason. */
  failQueuedTask(jobId: JobId, taskIndex: number, message: string, atMs: number): Promise<JobSummary | undefined>;
  /** Says why a task waits, for people. Not durable work: may be batched and lost. */
  noteWaiting(jobId: JobId, taskIndex: number, message: string): Promise<void>;
  /** Closes attempts of a node as lost (ended, how lost) because another ledger or boot came back. Skips those that have ended. */
  closeAsLost(
    attemptIds: readonly AttemptId[],
    reason: LostReason,
    message: string,
    atMs: number,
  ): Promise<readonly StatusResult[]>;
  /** Asks for an attempt's stop for another reason than cancel. Undefined: it has ended. */
  requestStop(attemptId: AttemptId, reason: StopReason): Promise<Attempt | undefined>;
  /**
   * Stores that a log is complete, with its final tallies, which settles the attempt. 'ignored': it has not ended, or its log is complete already.
   * An attempt that never ran is settled by its status.
   */
  completeLog(attemptId: AttemptId, streams: readonly StreamTally[]): Promise<StatusResult>;
  /** Undefined: no such job. */
  get(jobId: JobId): Promise<Job | undefined>;
  /** The job, task and attempt of an attempt. Undefined: no such attempt. */
  findAttempt(attemptId: AttemptId): Promise<{ job: JobSummary; task: Task; attempt: Attempt } | undefined>;
  /** Newest first, after `after`. */
  list(filter: JobFilter, limit: number, after: JobId | undefined): Promise<JobPage>;
  /** Every job that has not ended, oldest first: what dispatch loads at start. */
  unfinished(): Promise<readonly Job[]>;
  /** Every attempt that is not settled, of one node or of all; by node, then oldest first. */
  unsettled(nodeId?: NodeId): Promise<readonly UnsettledAttempt[]>;
}
