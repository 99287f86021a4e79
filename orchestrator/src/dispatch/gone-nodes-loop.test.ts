import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import {
  type DispatchWorld,
  dispatchWorld,
  exitedZero,
  nodeA,
  nodeB,
  RecordedSession,
  report,
} from './dispatch.fixture.ts';
import { runGoneNodesLoop } from './gone-nodes-loop.ts';

let directory: TempDir;
let world: DispatchWorld;
let stop: AbortController;
let loop: Promise<unknown>;

beforeEach(async () => {
  directory = await tempDir();
  world = await dispatchWorld(directory.path);
  stop = new AbortController();
  loop = runGoneNodesLoop(world.dispatch, stop.signal).catch(() => undefined);
});

afterEach(async () => {
  stop.abort(new Error('enough'));
  await loop;
  await world[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function startedOn(session: RecordedSession) {
  await world.connect(session);
  const job = await world.submit();
  world.port.replied(session, session.offered, { kind: 'accepted' });
  await world.settle();
  return { job, attemptId: session.offered };
}

async function look(): Promise<void> {
  await world.clock.advance(1_000);
  await world.settle();
}

describe('an attempt of a node that is gone for good', () => {
  it.each([
    ['replaced', 'ledger_changed'],
    ['removed', 'node_lost'],
  ] as const)('is lost when its node is %s', async (end, reason) => {
    const { job } = await startedOn(new RecordedSession(nodeA));
    world.gone.set(nodeB, end);
    await look();
    expect((await world.job(job.id)).state).toBe('running');
    world.gone.set(nodeA, end);
    await look();
    expect(await world.job(job.id)).toMatchObject({
      state: 'lost',
      tasks: [{ state: { kind: 'lost' }, attempts: [{ state: { kind: 'ended', how: { kind: 'lost', reason } } }] }],
    });
    expect(world.dispatch.book.activeCount(nodeA)).toBe(0);
  });

  it('keeps its end where that is known, and waits for no more of its log', async () => {
    const session = new RecordedSession(nodeA);
    const { job, attemptId } = await startedOn(session);
    await world.port.reported(session, report(attemptId, nodeA, exitedZero));
    world.gone.set(nodeA, 'replaced');
    await look();
    expect((await world.job(job.id)).state).toBe('succeeded');
    expect(world.settledLogs.get(attemptId)).toBe('ended');
  });
});
