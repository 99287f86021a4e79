import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import {
  type AttemptOutcomeSchema,
  JobSchema,
  StoppedBy,
  TaskEndReason,
  type TaskSchema,
  TaskState,
} from '@muster/gen/muster/job/v1/status_pb';
import { exitCodeOfJob } from './exit-code.ts';

type Outcome = NonNullable<MessageInitShape<typeof AttemptOutcomeSchema>['outcome']>;

function task(state: TaskState, outcome?: Outcome): MessageInitShape<typeof TaskSchema> {
  return { state, attempts: outcome === undefined ? [] : [{ outcome: { outcome } }] };
}

function exited(code: number, stoppedBy = StoppedBy.UNSPECIFIED): Outcome {
  return { case: 'ended', value: { how: { case: 'exited', value: { code } }, stoppedBy } };
}

function signaled(number: number): Outcome {
  return { case: 'ended', value: { how: { case: 'signaled', value: { number } } } };
}

const one: [string, MessageInitShape<typeof TaskSchema>, number][] = [
  ['a success', task(TaskState.SUCCEEDED, exited(0)), 0],
  ['an exit code', task(TaskState.FAILED, exited(3)), 3],
  ['the largest exit code', task(TaskState.FAILED, exited(255)), 255],
  ['SIGTERM', task(TaskState.CANCELLED, signaled(15)), 143],
  ['SIGKILL', task(TaskState.FAILED, signaled(9)), 137],
  ['out of memory', task(TaskState.FAILED, { case: 'ended', value: { how: { case: 'oom', value: {} } } }), 137],
  ['a timeout after which it exited with 0', task(TaskState.FAILED, exited(0, StoppedBy.TIMEOUT)), 125],
  ['a loss', task(TaskState.LOST, { case: 'ended', value: { how: { case: 'lost', value: {} } } }), 125],
  ['never run', task(TaskState.FAILED, { case: 'notRun', value: {} }), 125],
  ['no attempt', task(TaskState.CANCELLED), 125],
  ['skipped', { ...task(TaskState.FAILED), endReason: TaskEndReason.SKIPPED_UNREACHABLE }, 125],
  ['an outcome of a newer orchestrator', task(TaskState.FAILED, { case: undefined }), 125],
];

describe('the exit code of a job', () => {
  it.each(one)('of one task, for %s', (_what, init, expected) => {
    expect(exitCodeOfJob(create(JobSchema, { tasks: [init] }))).toBe(expected);
  });

  it('is the largest of several', () => {
    const tasks = [task(TaskState.FAILED, exited(3)), task(TaskState.FAILED, signaled(9)), task(TaskState.SUCCEEDED)];
    expect(exitCodeOfJob(create(JobSchema, { tasks }))).toBe(137);
  });

  it('is 125 for a job without tasks', () => {
    expect(exitCodeOfJob(create(JobSchema))).toBe(125);
  });

  it('counts the last attempt of a task', () => {
    const attempts = [{ outcome: { outcome: exited(1) } }, { outcome: { outcome: exited(2) } }];
    expect(exitCodeOfJob(create(JobSchema, { tasks: [{ state: TaskState.FAILED, attempts }] }))).toBe(2);
  });
});
