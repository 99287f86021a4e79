// The output of a job, of one task or of all, as one stream. Each attempt's log is read at the pace of the reader: nothing is held for
// it beyond one piece per task, and the intake never waits for it.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { AppError } from '@muster/common/errors/app-error';
import { type AttemptId, asJobId, type JobId, type NodeId } from '@muster/common/ids/ids';
import { BoundedQueue } from '@muster/common/queue/bounded-queue';
import {
  type LogSource,
  LogSourceSchema,
  type ReadLogsRequest,
  type ReadLogsResponse,
  ReadLogsResponseSchema,
} from '@muster/gen/muster/control/v1/job_service_pb';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import type { Attempt, Job, OutputStreamName, Task } from '../domain/job.ts';
import { tallyToProto } from '../wire/job-status.ts';
import { gapReasons, outputStreams } from '../wire/status-enums.ts';
import type { JobFeed } from './job-feed.ts';
import type { JobStore } from './job-store.ts';
import { type LogEvent, type LogReading, logEnd } from './log-reading.ts';

/** What reading needs. */
export interface ReadLogsDeps {
  readonly store: Pick<JobStore, 'get'>;
  readonly feed: JobFeed;
  readonly logs: LogReading;
  readonly nameOf: (nodeId: NodeId) => string;
}

/** One piece waits for the reader; the next is read from disk when it has taken it. */
const PIECES_WAITING = 1;
/** More logs at once than a person can follow; the rest come as these end. */
const LOGS_AT_ONCE = 256;

/** The events of ReadLogs. Throws NOT_FOUND for a job, task or attempt that does not exist. */
export async function* readLogs(
  deps: ReadLogsDeps,
  request: ReadLogsRequest,
  signal: AbortSignal,
): AsyncGenerator<ReadLogsResponse, void, void> {
  const jobId = asJobId(request.jobId);
  const job = await mustGet(deps, jobId);
  const tasks = tasksOf(job, request);
  if (tasks.length === 1) {
    const [task] = tasks;
    if (task !== undefined) yield* taskLog(deps, request, jobId, task.index, signal);
    return;
  }
  yield* merged(tasks, (task, ended) => taskLog(deps, request, jobId, task.index, ended), signal);
}

async function mustGet(deps: ReadLogsDeps, jobId: JobId): Promise<Job> {
  const job = await deps.store.get(jobId);
  if (job === undefined) throw new AppError('not_found', `there is no job ${jobId}`, { field: 'job_id' });
  return job;
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
  jobId: JobId,
  taskIndex: number,
  signal: AbortSignal,
): AsyncGenerator<ReadLogsResponse, void, void> {
  using watch = deps.feed.watch([jobId]);
  let done: AttemptId | undefined;
  for (;;) {
    const task = (await mustGet(deps, jobId)).tasks[taskIndex];
    if (task === undefined) return;
    const attempt = chosen(task, request);
    if (attempt !== undefined && attempt.id !== done) {
      yield* attemptLog(deps, request, jobId, task, attempt, signal);
      done = attempt.id;
      continue;
    }
    const moreMayCome =
      request.attemptNumber === undefined &&
      (task.state.kind === 'queued' || task.state.kind === 'assigned' || task.state.kind === 'running');
    if (!request.follow || !moreMayCome) return;
    await watch.next(signal);
  }
}

function chosen(task: Task, { attemptNumber }: ReadLogsRequest): Attempt | undefined {
  if (attemptNumber === undefined) return task.attempts.at(-1);
  const attempt = task.attempts.find((each) => each.number === attemptNumber);
  if (attempt !== undefined) return attempt;
  throw new AppError(
    'not_found',
    `task ${task.index} has no attempt ${attemptNumber}; it has ${task.attempts.length}`,
    {
      field: 'attempt_number',
    },
  );
}

async function* attemptLog(
  deps: ReadLogsDeps,
  request: ReadLogsRequest,
  jobId: JobId,
  task: Task,
  attempt: Attempt,
  signal: AbortSignal,
): AsyncGenerator<ReadLogsResponse, void, void> {
  const source = create(LogSourceSchema, {
    attemptId: attempt.id,
    run: 1,
    taskIndex: task.index,
    attemptNumber: attempt.number,
    nodeId: attempt.nodeId,
    nodeName: deps.nameOf(attempt.nodeId),
  });
  const events = deps.logs.read(
    {
      attemptId: attempt.id,
      run: 1,
      streams: streamsOf(request.stream),
      from: positionsOf(request, attempt.id),
      ...(request.since === undefined ? {} : { sinceMs: timestampMs(request.since) }),
      // A log that is settled has no more to wait for.
      follow: request.follow && !attempt.logComplete,
    },
    signal,
  );
  for await (const event of events) yield eventToProto(source, event);
  const newest = (await mustGet(deps, jobId)).tasks[task.index]?.attempts.find((each) => each.id === attempt.id);
  const end = logEnd(newest ?? attempt);
  yield create(ReadLogsResponseSchema, {
    event: {
      case: 'end',
      value: {
        source,
        streams: (newest ?? attempt).streams.map(tallyToProto),
        complete: end.complete,
        message: end.message,
      },
    },
  });
}

function streamsOf(stream: OutputStream): readonly OutputStreamName[] {
  return stream === OutputStream.UNSPECIFIED ? ['stdout', 'stderr'] : [outputStreams.fromProto(stream, 'stream')];
}

function positionsOf(request: ReadLogsRequest, attemptId: AttemptId): ReadonlyMap<OutputStreamName, number> {
  return new Map(
    request.positions
      .filter((each) => each.attemptId === attemptId)
      .map((each) => [outputStreams.fromProto(each.stream, 'positions.stream'), Number(each.offsetBytes)]),
  );
}

function eventToProto(source: LogSource, event: LogEvent): ReadLogsResponse {
  const stream = outputStreams.toProto(event.stream);
  const offsetBytes = BigInt(event.offsetBytes);
  if (event.kind === 'data') {
    const observedTime = timestampFromMs(event.observedAtMs);
    return create(ReadLogsResponseSchema, {
      event: { case: 'data', value: { source, stream, offsetBytes, data: event.data, observedTime } },
    });
  }
  const reason = gapReasons.toProto(event.reason);
  return create(ReadLogsResponseSchema, {
    event: { case: 'missing', value: { source, stream, offsetBytes, lengthBytes: BigInt(event.lengthBytes), reason } },
  });
}

/** Several logs as they come. The first failure ends all of them. */
async function* merged<S, T>(
  sources: readonly S[],
  open: (source: S, signal: AbortSignal) => AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  const controller = new AbortController();
  const both = AbortSignal.any([signal, controller.signal]);
  const queue = new BoundedQueue<T>({ capacity: PIECES_WAITING, overflow: 'wait' });
  const waiting = [...sources];
  const pump = async (): Promise<void> => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      for await (const item of open(source, both)) await queue.push(item, both);
    }
  };
  const pumps = Promise.all(sources.slice(0, LOGS_AT_ONCE).map(pump)).then(
    () => queue.close(),
    (thrown: unknown) => queue.close(AppError.from(thrown)),
  );
  try {
    yield* queue;
  } finally {
    controller.abort(new AppError('cancelled', 'the reader has left'));
    await pumps;
  }
}
