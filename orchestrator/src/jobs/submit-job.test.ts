import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/common/errors/app-error';
import { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { type DispatchWorld, dispatchWorld, nodeA, RecordedSession } from '../dispatch/dispatch.fixture.ts';
import { enqueueJob } from '../dispatch/enqueue.ts';
import { stopWork } from '../dispatch/stop-work.ts';
import type { JobStore } from './job-store.ts';
import { type SubmitDeps, submitJob } from './submit-job.ts';
import type { TargetNode } from './targets.ts';

type SpecInit = Extract<MessageInitShape<typeof JobSpecSchema>, { $typeName?: never }>;

const target = (name: string, more: Partial<TargetNode> = {}): TargetNode => ({
  id: nodeA,
  name,
  labels: {},
  cordoned: false,
  quarantined: false,
  online: true,
  ...more,
});

let directory: TempDir;
let world: DispatchWorld;

beforeEach(async () => {
  directory = await tempDir();
  world = await dispatchWorld(directory.path);
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

function depsWith(store: Pick<JobStore, 'submit'>, nodes: readonly TargetNode[] = [target('a')]): SubmitDeps {
  const { dispatch, clock } = world;
  return {
    store,
    nodes: { find: (name) => nodes.find((each) => each.name === name), all: () => nodes },
    enqueue: (job) => enqueueJob(dispatch, job),
    takeOut: (job) => stopWork(dispatch, job, []),
    feed: dispatch.feed,
    clock,
    ids: dispatch.ids,
  };
}

const submission = (spec: SpecInit = {}, requestId = '') => ({
  spec: create(JobSpecSchema, { workload: { kind: { case: 'process', value: { argv: ['/bin/date'] } } }, ...spec }),
  requestId,
  submittedBy: 'test',
});

describe('a submission', () => {
  it('asks a node while it is being stored, and starts only after', async () => {
    const session = new RecordedSession(nodeA);
    await world.connect(session);
    const submitting = submitJob(depsWith(world.store.jobs), submission());
    await world.settle();
    expect(session.told).toEqual(['offer']);
    const job = await submitting;
    world.port.replied(session, session.offered, { kind: 'accepted' });
    await world.settle();
    expect(session.told).toEqual(['offer', 'start']);
    expect((await world.job(job.id)).spec.name).toBe('date');
  });

  it('that can not be stored takes its offers back and leaves nothing waiting', async () => {
    const session = new RecordedSession(nodeA);
    await world.connect(session);
    const full: Pick<JobStore, 'submit'> = {
      submit: async () => {
        await world.settle();
        throw new AppError('resource_exhausted', 'the disk is full');
      },
    };
    await expect(submitJob(depsWith(full), submission())).rejects.toMatchObject({ code: 'resource_exhausted' });
    expect(session.told).toEqual(['offer', 'withdraw']);
    expect(world.dispatch.queue.size).toBe(0);
    // Its answer comes too late and finds nothing to start.
    world.port.replied(session, session.offered, { kind: 'accepted' });
    await world.settle();
    expect(session.told).toEqual(['offer', 'withdraw']);
  });

  it('that is repeated with the same request id gives the same job and runs it once', async () => {
    const session = new RecordedSession(nodeA);
    await world.connect(session);
    const deps = depsWith(world.store.jobs);
    const first = await submitJob(deps, submission({}, 'once'));
    const second = await submitJob(deps, submission({}, 'once'));
    await world.settle();
    expect(second.id).toBe(first.id);
    expect(session.told).toEqual(['offer']);
  });

  it.each(['', 'once'])(
    'is told to those who watch all jobs, though no node is there (request id %j)',
    async (requestId) => {
      using watch = world.dispatch.feed.watch(undefined);
      const job = await submitJob(depsWith(world.store.jobs), submission({}, requestId));
      expect(await watch.next(AbortSignal.abort())).toEqual({ kind: 'jobs', ids: new Set([job.id]) });
    },
  );

  it('that repeats a request id with another spec is refused', async () => {
    const deps = depsWith(world.store.jobs);
    await submitJob(deps, submission({}, 'once'));
    await expect(submitJob(deps, submission({ priority: 7 }, 'once'))).rejects.toMatchObject({
      code: 'already_exists',
      field: 'request_id',
    });
  });

  it('means the same job whatever the order of its maps', async () => {
    const deps = depsWith(world.store.jobs);
    const first = await submitJob(deps, submission({ env: { A: '1', B: '2' } }, 'once'));
    const second = await submitJob(deps, submission({ env: { B: '2', A: '1' } }, 'once'));
    expect(second.id).toBe(first.id);
  });
});

describe('a job for every node', () => {
  const everyNode: SpecInit = { placement: { count: { case: 'everyNode', value: {} } } };

  it('has a task per node that is not cordoned, and names those out of contact', async () => {
    const nodes = [
      target('a'),
      target('b', { online: false }),
      target('c', { cordoned: true }),
      target('d', { quarantined: true }),
    ];
    const job = await submitJob(depsWith(world.store.jobs, nodes), submission(everyNode));
    expect(job.tasks.map((task) => task.state)).toMatchObject([
      { kind: 'queued' },
      { kind: 'failed', reason: 'skipped_unreachable', message: expect.stringContaining('node b') },
    ]);
  });

  it('is refused where no node matches', async () => {
    await expect(submitJob(depsWith(world.store.jobs, []), submission(everyNode))).rejects.toMatchObject({
      code: 'failed_precondition',
      field: 'spec.placement',
    });
  });

  it('is refused by its field where it names a node that does not exist', async () => {
    const spec: SpecInit = { placement: { nodes: ['a', 'nope'] } };
    await expect(submitJob(depsWith(world.store.jobs), submission(spec))).rejects.toMatchObject({
      code: 'not_found',
      field: 'spec.placement.nodes[1]',
    });
  });
});
