/** Jobs, tasks and attempts as users see them. Only this way: users never send a status. */
import { create } from '@bufbuild/protobuf';
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { NodeId } from '@muster/common/ids/ids';
import {
  type Attempt as AttemptProto,
  AttemptSchema,
  type Job as JobProto,
  JobSchema,
  StoppedBy,
  type StreamStatus,
  StreamStatusSchema,
  TaskCountsSchema,
  TaskEndReason as TaskEndReasonProto,
  type Task as TaskProto,
  TaskSchema,
} from '@muster/gen/muster/job/v1/status_pb';
import type {
  Attempt,
  AttemptState,
  Job,
  JobSummary,
  StreamTally,
  Task,
  TaskEndReason,
  TaskState,
} from '../domain/job.ts';
import { outcomeToProto } from './outcome.ts';
import { toTimestamp } from './scalars.ts';
import {
  attemptStates,
  jobStateCodec,
  outputStreams,
  stopReasonCodec,
  taskEndReasonCodec,
  taskStates,
} from './status-enums.ts';

/** What a job's view needs to know of nodes. */
export interface NodeLookup {
  /** The node's name; its id where the node is not known any more. */
  nameOf(nodeId: NodeId): string;
  /** Whether it is out of contact, so that what is known of its attempts may be old. */
  outOfContact(nodeId: NodeId): boolean;
}

/** A job without its tasks. */
export function jobSummaryToProto(job: JobSummary): JobProto {
  return create(JobSchema, {
    id: job.id,
    spec: job.spec,
    state: jobStateCodec.toProto(job.state),
    taskCounts: create(TaskCountsSchema, job.taskCounts),
    submittedTime: toTimestamp(job.submittedAtMs),
    ...(job.startedAtMs === undefined ? {} : { startedTime: toTimestamp(job.startedAtMs) }),
    ...(job.finishedAtMs === undefined ? {} : { finishedTime: toTimestamp(job.finishedAtMs) }),
    ...(job.cancelRequestedAtMs === undefined ? {} : { cancelRequestedTime: toTimestamp(job.cancelRequestedAtMs) }),
    submittedBy: job.submittedBy,
    revision: BigInt(job.revision),
  });
}

/** A job with its tasks and attempts. */
export function jobToProto(job: Job, nodes: NodeLookup): JobProto {
  const proto = jobSummaryToProto(job);
  proto.tasks = job.tasks.map((task) => taskToProto(task, nodes));
  return proto;
}

/** A task with its attempts. */
function taskToProto(task: Task, nodes: NodeLookup): TaskProto {
  const { reason, message } = endOfTask(task.state);
  return create(TaskSchema, {
    index: task.index,
    state: taskStates.toProto(task.state.kind),
    endReason: reason === undefined ? TaskEndReasonProto.UNSPECIFIED : taskEndReasonCodec.toProto(reason),
    ...(task.nodeId === undefined ? {} : { nodeId: task.nodeId, nodeName: nodes.nameOf(task.nodeId) }),
    attempts: task.attempts.map((attempt) => attemptToProto(attempt, nodes)),
    message: message ?? '',
  });
}

function endOfTask(state: TaskState): { readonly reason?: TaskEndReason; readonly message?: string } {
  switch (state.kind) {
    case 'queued':
      return state.message === undefined ? {} : { message: state.message };
    case 'assigned':
    case 'running':
      return {};
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'lost':
      return state;
    default:
      return assertNever(state);
  }
}

/** An attempt. `unknown` is set while it has not ended and its node is out of contact. */
export function attemptToProto(attempt: Attempt, nodes: NodeLookup): AttemptProto {
  const { state } = attempt;
  const over = state.kind === 'ended' || state.kind === 'not_run';
  return create(AttemptSchema, {
    id: attempt.id,
    number: attempt.number,
    nodeId: attempt.nodeId,
    nodeName: nodes.nameOf(attempt.nodeId),
    state: attemptStates.toProto(state.kind),
    unknown: !over && nodes.outOfContact(attempt.nodeId),
    ...(over ? { outcome: outcomeToProto(state) } : {}),
    streams: attempt.streams.map(tallyToProto),
    startAllowedTime: toTimestamp(attempt.startAllowedAtMs),
    ...runToProto(state),
    stopRequested:
      attempt.stopRequested === undefined ? StoppedBy.UNSPECIFIED : stopReasonCodec.toProto(attempt.stopRequested),
  });
}

function runToProto(state: AttemptState): Partial<Pick<AttemptProto, 'pid' | 'startedTime' | 'endedTime'>> {
  switch (state.kind) {
    case 'start_allowed':
    case 'preparing':
    case 'not_run':
      return {};
    case 'running':
    case 'ready':
    case 'stopping':
      return { pid: state.pid, startedTime: toTimestamp(state.startedAtMs) };
    case 'ended':
      return {
        ...(state.pid === undefined ? {} : { pid: state.pid }),
        ...(state.startedAtMs === undefined ? {} : { startedTime: toTimestamp(state.startedAtMs) }),
        endedTime: toTimestamp(state.endedAtMs),
      };
    default:
      return assertNever(state);
  }
}

/** What a stream came to. Complete: all that was produced is stored or accounted for as missing. */
export function tallyToProto(tally: StreamTally): StreamStatus {
  const { producedBytes } = tally;
  return create(StreamStatusSchema, {
    run: tally.run,
    stream: outputStreams.toProto(tally.stream),
    storedBytes: BigInt(tally.storedBytes),
    missingBytes: BigInt(tally.missingBytes),
    ...(producedBytes === undefined ? {} : { producedBytes: BigInt(producedBytes) }),
    complete: producedBytes !== undefined && tally.storedBytes + tally.missingBytes >= producedBytes,
  });
}
