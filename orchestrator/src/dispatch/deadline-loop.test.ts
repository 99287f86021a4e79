import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { runDeadlineLoop } from './deadline-loop.ts';
import { type DispatchWorld, dispatchWorld, nodeA, nodeB, RecordedSession } from './dispatch.fixture.ts';

let directory: TempDir;
let world: DispatchWorld;
let stop: AbortController;
let loop: Promise<unknown>;

beforeEach(async () => {
  directory = await tempDir();
  world = await dispatchWorld(directory.path);
  stop = new AbortController();
  loop = runDeadlineLoop(world.dispatch, stop.signal).catch(() => undefined);
});

afterEach(async () => {
  stop.abort(new Error('enough'));
  await loop;
  await world[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function pass(ms: number): Promise<void> {
  await world.clock.advance(ms);
  await world.settle();
}

describe('a task for one node of several', () => {
  it('ends as skipped_unreachable when its node gets out of contact before it may start', async () => {
    const job = await world.submit({}, [nodeA, nodeB]);
    await pass(5_000);
    expect((await world.job(job.id)).tasks.map((task) => task.state.kind)).toEqual(['queued', 'queued']);
    world.silent.add(nodeB);
    await pass(2_000);
    expect((await world.job(job.id)).tasks.map((task) => task.state)).toMatchObject([
      { kind: 'queued' },
      { kind: 'failed', reason: 'skipped_unreachable', message: expect.stringContaining('node b went out of contact') },
    ]);
    expect(world.dispatch.queue.size).toBe(1);
  });

  it('that any node may run waits on', async () => {
    world.silent.add(nodeA).add(nodeB);
    const job = await world.submit();
    await pass(60_000);
    expect((await world.job(job.id)).state).toBe('queued');
  });
});

describe('a task with a queue timeout', () => {
  const timeouts = { queue: { seconds: 30n } };

  it('ends when it has waited that long, and those who watch are told', async () => {
    using watch = world.dispatch.feed.watch(undefined);
    const [timed, patient] = [await world.submit({ timeouts }), await world.submit()];
    await pass(29_000);
    expect((await world.job(timed.id)).state).toBe('queued');
    await pass(2_000);
    expect(await world.job(timed.id)).toMatchObject({
      state: 'failed',
      tasks: [{ state: { kind: 'failed', reason: 'queue_timeout', message: expect.stringContaining('longer') } }],
    });
    expect((await world.job(patient.id)).state).toBe('queued');
    expect(await watch.next(stop.signal)).toEqual({ kind: 'jobs', ids: new Set([timed.id]) });
  });

  it('is not offered any more, and one that was offered in time runs', async () => {
    const late = await world.submit({ timeouts });
    await pass(31_000);
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    expect(a.told).toEqual([]);
    const inTime = await world.submit({ timeouts });
    world.port.replied(a, a.offered, { kind: 'accepted' });
    await pass(31_000);
    expect((await world.job(late.id)).state).toBe('failed');
    expect((await world.job(inTime.id)).tasks[0]?.state.kind).toBe('assigned');
  });

  it('counts the time that its offers took: a node that never answers does not hold it', async () => {
    await world.connect(new RecordedSession(nodeA));
    const job = await world.submit({ timeouts: { queue: { seconds: 5n } } });
    await pass(12_000);
    expect(await world.job(job.id)).toMatchObject({ state: 'failed', tasks: [{ state: { reason: 'queue_timeout' } }] });
    expect(world.dispatch.offers.size).toBe(0);
  });

  it('that was cancelled before stays cancelled', async () => {
    const job = await world.submit({ timeouts });
    await world.store.jobs.requestCancel(job.id, 1);
    await pass(31_000);
    expect((await world.job(job.id)).state).toBe('cancelled');
  });

  it('waits on while its end can not be stored, and ends once it can', async () => {
    const job = await world.submit({ timeouts });
    world.failing.add('endQueuedTask');
    await pass(31_000);
    expect(world.dispatch.queue.size).toBe(1);
    world.failing.clear();
    await pass(1_000);
    expect((await world.job(job.id)).state).toBe('failed');
  });
});

describe('a node that does not answer an offer in time', () => {
  it('gets no other offer until it says something, so that it delays one task and not each', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    await world.submit();
    expect(a.told).toEqual(['offer']);
    await pass(11_000);
    await world.submit();
    expect(a.told).toEqual(['offer', 'withdraw']);
    a.heardAtMs = world.clock.monotonicMs();
    await pass(1_000);
    expect(a.told).toEqual(['offer', 'withdraw', 'offer', 'offer']);
  });

  it('leaves its task to another node', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    await world.submit();
    const b = new RecordedSession(nodeB);
    await world.connect(b);
    await pass(11_000);
    expect(b.told).toEqual(['offer']);
  });
});
