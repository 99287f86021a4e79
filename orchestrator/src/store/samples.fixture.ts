// What the tests of the stores put into them, with small defaults that a test overrides where it matters.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { systemClock } from '@muster/common/clock/clock';
import { asAttemptId, asJobId, asLedgerId, asNodeId, makeIds } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { ProcessSchema, WorkloadSchema } from '@muster/gen/muster/job/v1/workload_pb';
import type { AttemptState, EndedOutcome } from '../domain/job.ts';
import type { NewJob, StartRequest, StatusReport } from '../jobs/job-store.ts';

/** Fresh ids for all tests. */
export const ids = makeIds(systemClock, systemRandom);
/** The node that runs what tests start. */
export const nodeId = asNodeId(ids.next());
const ledgerId = asLedgerId(ids.next());

/** A job of one queued task that runs `true`. */
export function newJob(facts: Partial<NewJob> & { init?: MessageInitShape<typeof JobSpecSchema> } = {}): NewJob {
  const { init, ...rest } = facts;
  return {
    id: asJobId(ids.next()),
    spec: create(JobSpecSchema, {
      name: 'sample',
      workload: create(WorkloadSchema, { kind: { case: 'process', value: create(ProcessSchema, { argv: ['true'] }) } }),
      ...init,
    }),
    specDigest: 'd1',
    submittedBy: 'tester',
    submittedAtMs: 1_000,
    tasks: [{ kind: 'queued' }],
    ...rest,
  };
}

/** A request to start a task of a job on `nodeId`, with a fresh attempt. */
export function startOf(job: Pick<NewJob, 'id'>, facts: Partial<StartRequest> = {}): StartRequest {
  return {
    jobId: job.id,
    taskIndex: 0,
    attemptId: asAttemptId(ids.next()),
    nodeId,
    ledgerId,
    bootId: 'boot-1',
    atMs: 2_000,
    ...facts,
  };
}

/** A report from `nodeId`. */
export function reportOf(start: StartRequest, state: AttemptState, facts: Partial<StatusReport> = {}): StatusReport {
  return { attemptId: start.attemptId, nodeId, state, streamLengths: [], atMs: 3_000, ...facts };
}

/** A run of process 7. */
export const running: AttemptState = { kind: 'running', pid: 7, startedAtMs: 2_500 };
/** Never began. */
export const neverStarted: AttemptState = { kind: 'not_run', reason: 'never_started', message: 'its node restarted' };

/** A run that exited. */
export function exited(code: number, facts: Partial<EndedOutcome> = {}): AttemptState {
  return { kind: 'ended', how: { kind: 'exited', code }, signalsSent: [], endedAtMs: 2_900, ...facts };
}
