// The output of a job, of one task or of all, as one stream. Each attempt's log is read at the pace of the reader: nothing is held for
// it beyond one piece per task, and the intake never waits for it.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { assertNever } from '@muster/common/assert-never/assert-never';
import { AppError } from '@muster/common/errors/app-error';
import { asJobId, type NodeId } from '@muster/common/ids/ids';
import {
  type LogSource,
  LogSourceSchema,
  type ReadLogsRequest,
  type ReadLogsResponse,
  ReadLogsResponseSchema,
} from '@muster/gen/muster/control/v1/job_service_pb';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import type { Attempt, Job, Task } from '../domain/job.ts';
import { type LogEvent, type LogReaderDeps, type LogReadOptions, readLog } from '../logs/log-reader.ts';
import type { LogFinal } from '../logs/run-logs.ts';
import { tallyToProto } from '../wire/job-status.ts';
import { gapReasons, outputStreams } from '../wire/status-enums.ts';
import { FollowedJob, type FollowedJobDeps } from './followed-job.ts';
import { mergeSources } from './merge-sources.ts';

/** What reading needs. */
export interface ReadLogsDeps extends FollowedJobDeps {
  readonly logs: LogReaderDeps;
  readonly nameOf: (nodeId: NodeId) => string;
}

/** More logs at once than a person can follow, and each may hold a piece of 256 KiB; the rest come as these end. */
const LOGS_AT_ONCE = 256;

/** The events of ReadLogs. Throws NOT_FOUND for a job, task or attempt that does not exist. */
export async function* readLogs(
  deps: ReadLogsDeps,
  request: ReadLogsRequest,
  signal: AbortSignal,
): AsyncGenerator<ReadLogsResponse, void, void> {
  using job = new FollowedJob(deps, asJobId(request.jobId));
  const tasks = tasksOf(await job.current(), request);
  const open = (task: Task, ending: AbortSignal) => taskLog(deps, request, job, task.index, ending);
  const [only, ...others] = tasks;
  if (only !== undefined && others.length === 0) yield* open(only, signal);
  else yield* mergeSources(tasks, LOGS_AT_ONCE, open, signal);
}

function tasksOf(job: Job, request: ReadLogsRequest): readonly Task[] {
  const { taskIndex, attemptNumber } = request;
  if (taskIndex === undefined) {
    if (attemptNumber !== undefined && job.tasks.length > 1) {
      throw new AppError('invalid_argument', 'missing; the job has several tasks, and each counts its own attempts', {
        field: 'task_index',
      });
    }
    return job.tasks;
  }
  const task = job.tasks[taskIndex];
  if (task !== undefined) return [task];
  throw new AppError('not_found', `the job has ${job.tasks.length} tasks, counted from 0`, { field: 'task_index' });
}

/** One task: its newest attempt, and with follow those that come after it, until the task has ended and its log with it. */
async function* taskLog(
  deps: ReadLogsDeps,
  request: ReadLogsRequest,
  followed: FollowedJob,
  taskIndex: number,
  signal: AbortSignal,
): AsyncGenerator<ReadLogsResponse, void, void> {
  let done: Attempt | undefined;
  for (;;) {
    const job = await followed.current();
    const task = job.tasks[taskIndex];
    if (task === undefined) return;
    const attempt = chosen(task, request, done);
    if (attempt !== undefined) {
      yield* attemptLog(deps, request, task, attempt, signal);
      done = attempt;
    } else if (mayGoOn(task, request)) await followed.changedSince(job, signal);
    else return;
  }
}

/** Whether attempts may come that the reader wants. */
function mayGoOn({ state }: Task, { follow, attemptNumber }: ReadLogsRequest): boolean {
  const open = state.kind === 'queued' || state.kind === 'assigned' || state.kind === 'running';
  return follow && attemptNumber === undefined && open;
}

/** The attempt to read next; undefined where there is none now. */
function chosen(task: Task, { attemptNumber }: ReadLogsRequest, done: Attempt | undefined): Attempt | undefined {
  if (done !== undefined) {
    return attemptNumber === undefined ? task.attempts.find((each) => each.number > done.number) : undefined;
  }
  if (attemptNumber === undefined) return task.attempts.at(-1);
  const attempt = task.attempts.find((each) => each.number === attemptNumber);
  if (attempt !== undefined) return attempt;
  throw new AppError(
    'not_found',
    `task ${task.index} has no attempt ${attemptNumber}; it has ${task.attempts.length}`,
    { field: 'attempt_number' },
  );
}

async function* attemptLog(
  deps: ReadLogsDeps,
  request: ReadLogsRequest,
  task: Task,
  attempt: Attempt,
  signal: AbortSignal,
): AsyncGenerator<ReadLogsResponse, void, void> {
  // A batch attempt has exactly one run.
  const run = 1;
  const source = create(LogSourceSchema, {
    attemptId: attempt.id,
    run,
    taskIndex: task.index,
    attemptNumber: attempt.number,
    nodeId: attempt.nodeId,
    nodeName: deps.nameOf(attempt.nodeId),
  });
  const events = readLog(deps.logs, { attemptId: attempt.id, run }, optionsFor(request, attempt), signal);
  for await (const event of events) yield eventToProto(source, event);
}

function optionsFor(request: ReadLogsRequest, attempt: Attempt): LogReadOptions {
  const from: { stdout?: number; stderr?: number } = {};
  for (const position of request.positions) {
    if (position.attemptId !== attempt.id) continue;
    from[outputStreams.fromProto(position.stream, 'positions.stream')] = Number(position.offsetBytes);
  }
  const final = finalOf(attempt);
  return {
    from,
    follow: request.follow,
    ...(request.stream === OutputStream.UNSPECIFIED
      ? {}
      : { stream: outputStreams.fromProto(request.stream, 'stream') }),
    ...(request.since === undefined ? {} : { sinceMs: timestampMs(request.since) }),
    ...(final === undefined ? {} : { final }),
  };
}

/** What the store says of a log's end; undefined while more may come. */
function finalOf(attempt: Attempt): LogFinal | undefined {
  if (attempt.state.kind === 'not_run') return { complete: true, produced: {} };
  if (!attempt.logComplete || attempt.state.kind !== 'ended') return undefined;
  const produced: { stdout?: number; stderr?: number } = {};
  for (const { stream, producedBytes } of attempt.streams) {
    if (producedBytes !== undefined) produced[stream] = producedBytes;
  }
  const { how } = attempt.state;
  if (how.kind !== 'lost') return { complete: true, produced };
  return { complete: false, message: `nobody can say what else it printed: ${how.message}`, produced };
}

function eventToProto(source: LogSource, event: LogEvent): ReadLogsResponse {
  switch (event.kind) {
    case 'data': {
      const { data, startBytes, observedAtMs } = event;
      const stream = outputStreams.toProto(event.stream);
      const observedTime = timestampFromMs(observedAtMs);
      return create(ReadLogsResponseSchema, {
        event: { case: 'data', value: { source, stream, offsetBytes: BigInt(startBytes), data, observedTime } },
      });
    }
    case 'missing': {
      const stream = outputStreams.toProto(event.stream);
      const offsetBytes = BigInt(event.startBytes);
      const lengthBytes = BigInt(event.lengthBytes);
      const reason = gapReasons.toProto(event.reason);
      return create(ReadLogsResponseSchema, {
        event: { case: 'missing', value: { source, stream, offsetBytes, lengthBytes, reason } },
      });
    }
    case 'end': {
      const { tallies, complete, message = '' } = event;
      return create(ReadLogsResponseSchema, {
        event: { case: 'end', value: { source, streams: tallies.map(tallyToProto), complete, message } },
      });
    }
    default:
      return assertNever(event);
  }
}
