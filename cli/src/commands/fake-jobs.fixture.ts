/** Jobs, their output and a job service that plays them, for tests. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type ReadLogsResponse, ReadLogsResponseSchema } from '@muster/gen/muster/control/v1/job_service_pb';
import {
  type AttemptOutcomeSchema,
  type Job,
  JobSchema,
  JobState,
  OutputStream,
  type TaskSchema,
  TaskState,
} from '@muster/gen/muster/job/v1/status_pb';
import type { FakeServices } from '../client/fake-control-door.fixture.ts';

export type JobImpl = NonNullable<FakeServices['jobs']>;
export type TaskInit = MessageInitShape<typeof TaskSchema>;
export type LogEvent = NonNullable<MessageInitShape<typeof ReadLogsResponseSchema>['event']>;

export const JOB_ID = '01jd0000000000000000000000';
/** A handler that waits so never writes to a connection that is gone. */
export function forever(): Promise<never> {
  return new Promise(() => {});
}

export function exited(code: number, node = 'web-1', index = 0): TaskInit {
  return task(
    { outcome: { case: 'ended', value: { how: { case: 'exited', value: { code } } } } },
    node,
    index,
    code === 0,
  );
}

export function task(
  outcome: MessageInitShape<typeof AttemptOutcomeSchema>,
  node: string,
  index: number,
  isGood: boolean,
): TaskInit {
  return {
    index,
    state: isGood ? TaskState.SUCCEEDED : TaskState.FAILED,
    nodeName: node,
    attempts: [{ id: `attempt-${index}`, number: 1, nodeName: node, outcome, streams: [] }],
  };
}

export function job(state: JobState, tasks: TaskInit[], revision = 1n): Job {
  return create(JobSchema, { id: JOB_ID, state, tasks, revision, spec: { name: 'test' } });
}

export function data(
  text: string | Uint8Array,
  offset = 0,
  stream = OutputStream.STDOUT,
  node = 'web-1',
  index = 0,
): LogEvent {
  return {
    case: 'data',
    value: { source: source(node, index), stream, offsetBytes: BigInt(offset), data: Buffer.from(text) },
  };
}

export function logEvent(event: LogEvent): ReadLogsResponse {
  return create(ReadLogsResponseSchema, { event });
}

export function source(
  node: string,
  index: number,
): { attemptId: string; run: number; taskIndex: number; nodeName: string } {
  return { attemptId: `attempt-${index}`, run: 1, taskIndex: index, nodeName: node };
}

export function end(node = 'web-1', index = 0, message = ''): LogEvent {
  return { case: 'end', value: { source: source(node, index), complete: message === '', message } };
}

/** A job service where a job of these tasks ends at once with this output. */
export function ending(tasks: TaskInit[], events: LogEvent[], state = JobState.SUCCEEDED): JobImpl {
  return {
    submitJob: () => ({
      job: job(
        JobState.QUEUED,
        tasks.map((each) => ({ index: each.index ?? 0, nodeName: each.nodeName ?? '' })),
      ),
    }),
    async *watchJobs() {
      yield { job: job(state, tasks, 2n) };
    },
    async *readLogs() {
      for (const event of events) yield logEvent(event);
    },
  };
}
