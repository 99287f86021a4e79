/** The enums of muster.job.v1 and of log gaps, as the domain's words. */
import { GapReason } from '@muster/gen/muster/agent/v1/log_pb';
import {
  AttemptState as AttemptStateProto,
  JobState as JobStateProto,
  LostReason as LostReasonProto,
  NotRunReason as NotRunReasonProto,
  OutputStream,
  StoppedBy,
  TaskEndReason as TaskEndReasonProto,
  TaskState as TaskStateProto,
} from '@muster/gen/muster/job/v1/status_pb';
import type {
  AttemptState,
  JobState,
  LostReason,
  NotRunReason,
  OutputStreamName,
  StopReason,
  TaskEndReason,
  TaskState,
} from '../domain/job.ts';
import { enumCodec } from './enum-codec.ts';

/** Where an attempt stands, with the two states that live in memory only. */
export type AttemptStateName = AttemptState['kind'] | 'offered' | 'accepted';

/** Why output is gone. */
export type GapReasonName = 'unspecified' | 'spool_full' | 'disk_error' | 'file_gone' | 'node_rebooted';

export const attemptStates = enumCodec<AttemptStateName, AttemptStateProto>({
  offered: AttemptStateProto.OFFERED,
  accepted: AttemptStateProto.ACCEPTED,
  start_allowed: AttemptStateProto.START_ALLOWED,
  preparing: AttemptStateProto.PREPARING,
  running: AttemptStateProto.RUNNING,
  ready: AttemptStateProto.READY,
  stopping: AttemptStateProto.STOPPING,
  not_run: AttemptStateProto.NOT_RUN,
  ended: AttemptStateProto.ENDED,
});

export const jobStateCodec = enumCodec<JobState, JobStateProto>({
  waiting: JobStateProto.WAITING,
  queued: JobStateProto.QUEUED,
  running: JobStateProto.RUNNING,
  succeeded: JobStateProto.SUCCEEDED,
  failed: JobStateProto.FAILED,
  cancelled: JobStateProto.CANCELLED,
  lost: JobStateProto.LOST,
});

export const taskStates = enumCodec<TaskState['kind'], TaskStateProto>({
  queued: TaskStateProto.QUEUED,
  assigned: TaskStateProto.ASSIGNED,
  running: TaskStateProto.RUNNING,
  succeeded: TaskStateProto.SUCCEEDED,
  failed: TaskStateProto.FAILED,
  cancelled: TaskStateProto.CANCELLED,
  lost: TaskStateProto.LOST,
});

export const taskEndReasonCodec = enumCodec<TaskEndReason, TaskEndReasonProto>({
  queue_timeout: TaskEndReasonProto.QUEUE_TIMEOUT,
  dependency_failed: TaskEndReasonProto.DEPENDENCY_FAILED,
  expired: TaskEndReasonProto.EXPIRED,
  cancelled: TaskEndReasonProto.CANCELLED,
  skipped_unreachable: TaskEndReasonProto.SKIPPED_UNREACHABLE,
});

export const notRunReasonCodec = enumCodec<NotRunReason, NotRunReasonProto>({
  refused_policy: NotRunReasonProto.REFUSED_POLICY,
  invalid_spec: NotRunReasonProto.INVALID_SPEC,
  no_such_user: NotRunReasonProto.NO_SUCH_USER,
  no_such_directory: NotRunReasonProto.NO_SUCH_DIRECTORY,
  no_interpreter: NotRunReasonProto.NO_INTERPRETER,
  not_executable: NotRunReasonProto.NOT_EXECUTABLE,
  unsupported: NotRunReasonProto.UNSUPPORTED,
  image_pull: NotRunReasonProto.IMAGE_PULL,
  no_disk: NotRunReasonProto.NO_DISK,
  spawn_error: NotRunReasonProto.SPAWN_ERROR,
  start_deadline: NotRunReasonProto.START_DEADLINE,
  never_started: NotRunReasonProto.NEVER_STARTED,
  withdrawn: NotRunReasonProto.WITHDRAWN,
});

export const lostReasonCodec = enumCodec<LostReason, LostReasonProto>({
  supervisor_died: LostReasonProto.SUPERVISOR_DIED,
  node_rebooted: LostReasonProto.NODE_REBOOTED,
  ledger_changed: LostReasonProto.LEDGER_CHANGED,
  node_lost: LostReasonProto.NODE_LOST,
});

export const stopReasonCodec = enumCodec<StopReason, StoppedBy>({
  cancel: StoppedBy.CANCEL,
  timeout: StoppedBy.TIMEOUT,
  lease: StoppedBy.LEASE,
  drain: StoppedBy.DRAIN,
  preemption: StoppedBy.PREEMPTION,
  output_limit: StoppedBy.OUTPUT_LIMIT,
  unhealthy: StoppedBy.UNHEALTHY,
  superseded: StoppedBy.SUPERSEDED,
  node_rebooted: StoppedBy.NODE_REBOOTED,
});

export const outputStreams = enumCodec<OutputStreamName, OutputStream>({
  stdout: OutputStream.STDOUT,
  stderr: OutputStream.STDERR,
});

/** Unlike the others zero is a value here: a gap without a reason is still a gap. */
export const gapReasons = enumCodec<GapReasonName, GapReason>({
  unspecified: GapReason.UNSPECIFIED,
  spool_full: GapReason.SPOOL_FULL,
  disk_error: GapReason.DISK_ERROR,
  file_gone: GapReason.FILE_GONE,
  node_rebooted: GapReason.NODE_REBOOTED,
});
