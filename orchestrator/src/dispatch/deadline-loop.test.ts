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
