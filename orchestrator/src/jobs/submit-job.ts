// Submission: check, find the targets, store. What is returned is durable. Nodes are asked whether they take the job while it is being
// stored: an offer promises nothing, and the permission to start comes after the job in the store or not at all.
import { create, toBinary } from '@bufbuild/protobuf';
import type { Clock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';
import { asJobId, type Ids } from '@muster/common/ids/ids';
import { type JobSpec, JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Job, Task } from '../domain/job.ts';
import { throwProblems } from '../domain/problem.ts';
import { unsupportedProblems } from '../domain/spec-support.ts';
import { specProblems } from '../domain/spec-validation.ts';
import type { JobFeed } from './job-feed.ts';
import type { JobStore, NewJob } from './job-store.ts';
import { specDigest } from './spec-digest.ts';
import { namedNodes, type TargetNodes, tasksFor } from './targets.ts';

/** What submission needs. */
export interface SubmitDeps {
  readonly store: Pick<JobStore, 'submit'>;
  readonly nodes: TargetNodes;
  /** Takes the queued tasks of a job. */
  readonly enqueue: (job: WaitingJob) => void;
  /** Takes them out again: the job was not stored. */
  readonly takeOut: (job: WaitingJob) => void;
  /** Told of a job that is new. */
  readonly feed: Pick<JobFeed, 'notify'>;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** A job as the queue needs it. */
export type WaitingJob = Pick<Job, 'id' | 'spec' | 'submittedAtMs'> & {
  readonly tasks: readonly Pick<Task, 'index' | 'nodeId' | 'state'>[];
};

/** A submission. */
export interface Submission {
  readonly spec: JobSpec | undefined;
  /** Empty: each call is a new job. */
  readonly requestId: string;
  /** Name of the API key. */
  readonly submittedBy: string;
}

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** Stores a job, or finds the one that the same request made. Throws the codes that SubmitJob documents. */
export async function submitJob(deps: SubmitDeps, submission: Submission): Promise<Job> {
  const spec = checkedSpec(submission.spec);
  if (submission.requestId !== '' && !REQUEST_ID.test(submission.requestId)) {
    throw new AppError('invalid_argument', 'must be 1 to 128 printable ASCII characters without spaces', {
      field: 'request_id',
    });
  }
  const digest = specDigest(spec);
  const nodeIds = namedNodes(spec, deps.nodes);
  const job: NewJob = {
    id: asJobId(deps.ids.next()),
    spec: normalised(spec, nodeIds),
    ...(submission.requestId === '' ? {} : { requestId: submission.requestId }),
    specDigest: digest,
    submittedBy: submission.submittedBy,
    submittedAtMs: deps.clock.nowMs(),
    tasks: tasksFor(spec, deps.nodes),
  };
  const result = await storeAndEnqueue(deps, job);
  switch (result.kind) {
    case 'stored':
      deps.feed.notify(result.job.id);
      return result.job;
    case 'repeated':
      return result.job;
    case 'request_id_reused':
      throw new AppError('already_exists', 'was used before with another spec; use a new one, or send the same spec', {
        field: 'request_id',
      });
  }
}

/** A job with a request id may be there already, so it waits for the store's answer. */
async function storeAndEnqueue(deps: SubmitDeps, job: NewJob): ReturnType<JobStore['submit']> {
  if (job.requestId !== undefined) {
    const result = await deps.store.submit(job);
    if (result.kind === 'stored') deps.enqueue(result.job);
    return result;
  }
  const waiting = waitingJob(job);
  deps.enqueue(waiting);
  try {
    return await deps.store.submit(job);
  } catch (thrown) {
    deps.takeOut(waiting);
    throw thrown;
  }
}

function waitingJob({ id, spec, submittedAtMs, tasks }: NewJob): WaitingJob {
  const queued = tasks.flatMap((task, index) =>
    task.kind === 'queued'
      ? [{ index, state: { kind: 'queued' as const }, ...(task.nodeId === undefined ? {} : { nodeId: task.nodeId }) }]
      : [],
  );
  return { id, spec, submittedAtMs, tasks: queued };
}

function checkedSpec(spec: JobSpec | undefined): JobSpec {
  if (spec === undefined) throw new AppError('invalid_argument', 'missing; say what to run', { field: 'spec' });
  throwProblems('invalid_argument', specProblems(spec, toBinary(JobSpecSchema, spec).byteLength));
  throwProblems('unimplemented', unsupportedProblems(spec));
  return spec;
}

/** What is stored: names of nodes have become ids, which never change their meaning, and the job has a name. */
function normalised(spec: JobSpec, nodeIds: readonly string[]): JobSpec {
  const copy = create(JobSpecSchema, {
    ...spec,
    name: spec.name === '' ? madeName(spec) : spec.name,
    namespace: 'default',
  });
  if (copy.placement !== undefined && nodeIds.length > 0) copy.placement = { ...copy.placement, nodes: [...nodeIds] };
  return copy;
}

function madeName(spec: JobSpec): string {
  const kind = spec.workload?.kind;
  if (kind?.case !== 'process') return 'script';
  const program = kind.value.argv[0]?.split('/').pop() ?? '';
  // A program's name may hold anything; the job's name is shown in terminals.
  return program.replace(/[^\p{L}\p{N}._+@-]/gu, '_').slice(0, 64) || 'process';
}
