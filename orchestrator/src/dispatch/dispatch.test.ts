import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import {
  type DispatchWorld,
  dispatchWorld,
  exitedZero,
  nodeA,
  nodeB,
  noTallies,
  RecordedSession,
  report,
  strangeAttempt,
} from './dispatch.fixture.ts';
import { whyWaiting } from './place-waiting.ts';
import { settleLog } from './status-intake.ts';
import { stopWork } from './stop-work.ts';

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

/** A job whose attempt was allowed to start on the session's node. */
async function started(session: RecordedSession) {
  const job = await world.submit();
  const attemptId = session.offered;
  world.port.replied(session, attemptId, { kind: 'accepted' });
  await world.settle();
  return { job, attemptId };
}

describe('an offer', () => {
  it('is made when a node and a task are there, in either order', async () => {
    const first = await world.submit();
    const session = new RecordedSession(nodeA);
    await world.connect(session);
    expect(session.told).toEqual(['offer']);
    await world.submit();
    expect(session.told).toEqual(['offer', 'offer']);
    expect((await world.job(first.id)).state).toBe('queued');
  });

  it('becomes a start only after the permission is stored', async () => {
    const session = new RecordedSession(nodeA);
    await world.connect(session);
    const job = await world.submit();
    world.port.replied(session, session.offered, { kind: 'accepted' });
    expect(session.told).toEqual(['offer']);
    await world.settle();
    expect(session.told).toEqual(['offer', 'start']);
    expect((await world.job(job.id)).tasks[0]?.attempts).toMatchObject([
      { number: 1, state: { kind: 'start_allowed' } },
    ]);
  });

  it('whose session breaks by it leaves the task waiting for the next', async () => {
    const overfull = new RecordedSession(nodeA);
    overfull.assign = () => {
      overfull.ended = true;
      world.port.closed(overfull);
    };
    await world.connect(overfull);
    const job = await world.submit();
    expect(world.dispatch.queue.get(job.id, 0)).toBeDefined();
    const next = new RecordedSession(nodeA);
    await world.connect(next);
    expect(next.told).toEqual(['offer']);
  });

  it('goes to another node when the first refuses, and waits with the reason when all do', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const job = await world.submit();
    const outcome = { kind: 'not_run', reason: 'refused_policy', message: 'not here' } as const;
    world.port.replied(a, a.offered, { kind: 'refused', outcome });
    await world.settle();
    expect(a.told).toEqual(['offer']);
    expect(whyWaiting(world.dispatch, world.dispatch.queue.get(job.id, 0))).toContain('not here');
    const b = new RecordedSession(nodeB);
    await world.connect(b);
    expect(b.told).toEqual(['offer']);
  });

  it('fails a task that only one node may run when that node refuses', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const job = await world.submit({}, [nodeA]);
    const outcome = { kind: 'not_run', reason: 'no_interpreter', message: 'python3 is not here' } as const;
    world.port.replied(a, a.offered, { kind: 'refused', outcome });
    await world.settle();
    expect(await world.job(job.id)).toMatchObject({
      state: 'failed',
      tasks: [{ state: { kind: 'failed', message: 'python3 is not here' }, attempts: [] }],
    });
  });

  it('dies with its session, and the task goes elsewhere with no attempt used up', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const job = await world.submit();
    a.ended = true;
    world.port.closed(a);
    const b = new RecordedSession(nodeB);
    await world.connect(b);
    expect(b.told).toEqual(['offer']);
    expect((await world.job(job.id)).tasks[0]?.attempts).toEqual([]);
  });

  it('that was accepted by a session that has ended changes nothing', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const job = await world.submit();
    const attemptId = a.offered;
    a.ended = true;
    world.port.closed(a);
    world.port.replied(a, attemptId, { kind: 'accepted' });
    await world.settle();
    expect((await world.job(job.id)).tasks[0]?.attempts).toEqual([]);
  });

  it('is not made beyond what the node runs at once', async () => {
    const a = new RecordedSession(nodeA, { maxAttempts: 2 });
    await world.connect(a);
    for (let index = 0; index < 3; index += 1) await world.submit();
    expect(a.told).toEqual(['offer', 'offer']);
  });
});

describe('a cancel', () => {
  const cancel = async (id: Parameters<DispatchWorld['job']>[0]) => {
    const result = await world.store.jobs.requestCancel(id, 5);
    if (result.kind === 'requested') stopWork(world.dispatch, result.job, result.toStop);
    await world.settle();
  };

  it('withdraws an offer, and the task never ran', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const job = await world.submit();
    await cancel(job.id);
    expect(a.told).toEqual(['offer', 'withdraw']);
    expect((await world.job(job.id)).state).toBe('cancelled');
  });

  it('takes tasks that wait out of the queue, and no node is asked for them any more', async () => {
    const job = await world.submit({}, [nodeA, nodeB]);
    const other = await world.submit();
    await cancel(job.id);
    expect(world.dispatch.queue.size).toBe(1);
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    expect(a.changes).toMatchObject([{ kind: 'offer', assignment: { jobId: other.id } }]);
    expect((await world.job(job.id)).tasks.map((task) => task.state)).toMatchObject([
      { kind: 'cancelled', reason: 'cancelled' },
      { kind: 'cancelled', reason: 'cancelled' },
    ]);
  });

  it('is final for a task whose node refuses, dies or says nothing afterwards', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const job = await world.submit();
    const attemptId = a.offered;
    await cancel(job.id);
    world.port.replied(a, attemptId, {
      kind: 'refused',
      outcome: { kind: 'not_run', reason: 'no_disk', message: 'full' },
    });
    a.ended = true;
    world.port.closed(a);
    const b = new RecordedSession(nodeB);
    await world.connect(b);
    await world.clock.advance(60_000);
    await world.settle();
    expect(b.told).toEqual([]);
    expect(world.dispatch.queue.size).toBe(0);
  });

  it('stops an attempt that was allowed to start', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const { job } = await started(a);
    await cancel(job.id);
    expect(a.told).toEqual(['offer', 'start', 'stop']);
    expect((await world.job(job.id)).state).toBe('running');
  });

  it('that comes while the permission is being stored is decided by the store: no start without a stop', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const job = await world.submit();
    world.port.replied(a, a.offered, { kind: 'accepted' });
    await cancel(job.id);
    expect([
      ['offer', 'start', 'stop'],
      ['offer', 'withdraw'],
    ]).toContainEqual(a.told);
  });

  it('is repeated to a node that comes back', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const { job, attemptId } = await started(a);
    a.ended = true;
    world.port.closed(a);
    await cancel(job.id);
    const { verdicts, complete } = await world.connect(new RecordedSession(nodeA), [
      { attemptId, run: 1, state: 'running' },
    ]);
    expect(verdicts).toMatchObject([{ attemptId, verdict: 'stop', stoppedBy: 'cancel' }]);
    expect(complete).toMatchObject([{ attemptId, stop: 'cancel' }]);
  });
});

describe('a session that comes back', () => {
  it('gets a start that was lost on the way in its COMPLETE set', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const { attemptId } = await started(a);
    const { complete } = await world.connect(new RecordedSession(nodeA));
    expect(complete.map((each) => each.attemptId)).toEqual([attemptId]);
  });

  it('sees a permission whose commit was under way when the old session broke', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    await world.submit();
    const attemptId = a.offered;
    world.port.replied(a, attemptId, { kind: 'accepted' });
    a.ended = true;
    world.port.closed(a);
    const { complete } = await world.connect(new RecordedSession(nodeA));
    expect(complete.map((each) => each.attemptId)).toEqual([attemptId]);
  });

  it('after a restart of the machine loses what it no longer knows', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const { job } = await started(a);
    const { complete } = await world.connect(new RecordedSession(nodeA, { boot: 'boot-2' }));
    expect(complete).toEqual([]);
    expect(await world.job(job.id)).toMatchObject({ state: 'lost' });
  });

  it('keeps attempts that the store does not know, and they may report', async () => {
    const a = new RecordedSession(nodeA);
    const { verdicts } = await world.connect(a, [{ attemptId: strangeAttempt, run: 1, state: 'running' }]);
    expect(verdicts).toMatchObject([{ attemptId: strangeAttempt, verdict: 'keep' }]);
    expect(await world.port.reported(a, report(strangeAttempt, nodeA, exitedZero))).toBe('taken');
    expect(a.acked).toEqual([`${strangeAttempt} ended`]);
  });

  it('is told to forget what is settled', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const { attemptId } = await started(a);
    await world.port.reported(a, report(attemptId, nodeA, exitedZero));
    await settleLog(world.dispatch, attemptId, noTallies);
    expect(a.forgotten).toEqual([attemptId]);
    const { verdicts } = await world.connect(new RecordedSession(nodeA), [{ attemptId, run: 1, state: 'ended' }]);
    expect(verdicts).toMatchObject([{ attemptId, verdict: 'forget' }]);
  });
});

describe('a log that is settled', () => {
  it('is stored once that is possible again, and the node may forget the attempt', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const { job, attemptId } = await started(a);
    await world.port.reported(a, report(attemptId, nodeA, exitedZero));
    world.failing.add('completeLog');
    await expect(settleLog(world.dispatch, attemptId, noTallies)).rejects.toThrow('the disk is full');
    await world.clock.advance(60_000);
    expect(a.forgotten).toEqual([]);
    world.failing.clear();
    await world.clock.advance(60_000);
    await world.settle();
    expect((await world.job(job.id)).tasks[0]?.attempts).toMatchObject([{ logComplete: true }]);
    expect(a.forgotten).toEqual([attemptId]);
  });
});

describe('a status', () => {
  it('ends job and task, is acknowledged, and frees the node', async () => {
    const a = new RecordedSession(nodeA, { maxAttempts: 1 });
    await world.connect(a);
    const { job, attemptId } = await started(a);
    await world.submit();
    expect(a.told).toEqual(['offer', 'start']);
    expect(await world.port.reported(a, report(attemptId, nodeA, exitedZero))).toBe('taken');
    await world.settle();
    expect((await world.job(job.id)).state).toBe('succeeded');
    expect(a.acked).toEqual([`${attemptId} ended`]);
    expect(a.told).toEqual(['offer', 'start', 'offer']);
  });

  it('about an attempt of another node is refused as one about none', async () => {
    const a = new RecordedSession(nodeA);
    const b = new RecordedSession(nodeB);
    await world.connect(a);
    const { attemptId } = await started(a);
    await world.connect(b);
    expect(await world.port.reported(b, report(attemptId, nodeB, exitedZero))).toBe('unknown');
    expect(await world.port.reported(b, report(strangeAttempt, nodeB, exitedZero))).toBe('unknown');
  });

  it('of an attempt that never started sends the task elsewhere', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const { job, attemptId } = await started(a);
    const never = { kind: 'not_run', reason: 'never_started', message: 'the agent restarted' } as const;
    await world.port.reported(a, report(attemptId, nodeA, never));
    await world.settle();
    expect(a.told).toEqual(['offer', 'start', 'offer']);
    expect((await world.job(job.id)).state).not.toBe('failed');
  });
});

describe('a restart of the orchestrator', () => {
  it('queues again what waited and remembers what runs', async () => {
    const a = new RecordedSession(nodeA);
    await world.connect(a);
    const { attemptId } = await started(a);
    a.ended = true;
    world.port.closed(a);
    const waiting = await world.submit();
    await world[Symbol.asyncDispose]();
    world = await dispatchWorld(directory.path);
    expect(world.dispatch.queue.get(waiting.id, 0)).toBeDefined();
    expect(world.dispatch.book.ownerOf(attemptId)).toBe(nodeA);
    expect(world.dispatch.book.activeCount(nodeA)).toBe(1);
  });
});
