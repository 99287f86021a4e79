import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { type DispatchWorld, dispatchWorld, exitedZero, nodeA, RecordedSession, report } from './dispatch.fixture.ts';
import { whyWaiting } from './place-waiting.ts';

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

describe('while the store can not be written', () => {
  it('an accepted offer is taken back, nothing starts, and the task is offered again after a pause', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const job = await world.submit();
    world.failing.add('allowStart');
    world.port.replied(a, a.offered, { kind: 'accepted' });
    await world.settle();
    expect(a.told).toEqual(['offer', 'withdraw']);
    world.failing.clear();
    await world.clock.advance(5_000);
    await world.settle();
    world.port.replied(a, a.offered, { kind: 'accepted' });
    await world.settle();
    expect(a.told).toEqual(['offer', 'withdraw', 'offer', 'start']);
    expect((await world.job(job.id)).tasks[0]?.attempts).toHaveLength(1);
  });

  it('a task that its only node refuses waits on, and fails once that can be stored', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const job = await world.submit({}, [nodeA]);
    const outcome = { kind: 'not_run', reason: 'no_interpreter', message: 'python3 is not here' } as const;
    world.failing.add('failQueuedTask');
    world.port.replied(a, a.offered, { kind: 'refused', outcome });
    await world.settle();
    expect(whyWaiting(world.dispatch, world.dispatch.queue.get(job.id, 0))).toContain('python3 is not here');
    // Asked again after a pause, so that a full disk is no reason for a storm of offers.
    expect(a.told).toEqual(['offer']);
    world.failing.clear();
    await world.clock.advance(5_000);
    await world.settle();
    expect(a.told).toEqual(['offer', 'offer']);
    world.port.replied(a, a.offered, { kind: 'refused', outcome });
    await world.settle();
    expect((await world.job(job.id)).state).toBe('failed');
  });
});

describe('the order of offers', () => {
  /** Names of the jobs in the order in which they were offered. */
  const offeredTo = (session: RecordedSession) =>
    session.changes.flatMap((each) => (each.kind === 'offer' ? [each.assignment.spec.name] : []));

  it('follows priority from submission to node, unset counting as 50', async () => {
    for (const [name, priority] of [
      ['low', 10],
      ['unset', undefined],
      ['high', 90],
      ['fifty-one', 51],
    ] as const) {
      await world.submit({ name, ...(priority === undefined ? {} : { priority }) });
    }
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    expect(offeredTo(a)).toEqual(['high', 'fifty-one', 'unset', 'low']);
  });

  it('gives the next free place to the highest priority that waits then', async () => {
    const a = new RecordedSession(nodeA, { maxAttempts: 1 });
    await world.connect(a);
    await world.submit();
    const attemptId = a.offered;
    world.port.replied(a, attemptId, { kind: 'accepted' });
    await world.settle();
    await world.submit({ name: 'early', priority: 0 });
    await world.submit({ name: 'urgent', priority: 100 });
    await world.port.reported(a, report(attemptId, nodeA, exitedZero));
    await world.settle();
    expect(offeredTo(a).at(-1)).toBe('urgent');
  });

  it('passes over a task that no node fits and serves those of lower priority', async () => {
    await world.submit({ name: 'stuck', priority: 100, placement: { selector: { matchLabels: { name: 'z' } } } });
    await world.submit({ name: 'fits', priority: 0 });
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    expect(offeredTo(a)).toEqual(['fits']);
  });

  it('survives a restart of the orchestrator', async () => {
    await world.submit({ name: 'low', priority: 1 });
    await world.submit({ name: 'high', priority: 99 });
    await world[Symbol.asyncDispose]();
    world = await dispatchWorld(directory.path);
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    expect(offeredTo(a)).toEqual(['high', 'low']);
  });
});
