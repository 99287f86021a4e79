import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import type { HelloReport } from '../sessions/session-ports.ts';
import {
  type DispatchWorld,
  dispatchWorld,
  exitedZero,
  nodeA,
  nodeB,
  noTallies,
  RecordedSession,
  report,
} from './dispatch.fixture.ts';
import { settleLog } from './status-intake.ts';
import { stopWork } from './stop-work.ts';
import { makeWorkPort } from './work-port.ts';

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

/** A job that runs on nodeA, whose first session has ended. */
async function startedAndGone() {
  const first = new RecordedSession(nodeA);
  await world.connect(first);
  const job = await world.submit();
  const attemptId = first.offered;
  world.port.replied(first, attemptId, { kind: 'accepted' });
  await world.settle();
  return { job, attemptId, first };
}

/** Opens a second session and lets `meanwhile` run after the store was read and before the session is established. */
async function openWhile(
  first: RecordedSession,
  attemptId: RecordedSession['offered'],
  meanwhile: () => Promise<void>,
) {
  first.end();
  world.port.closed(first);
  const positions = async () => {
    await meanwhile();
    return [];
  };
  const port = makeWorkPort({ ...world.dispatch, logs: { ...world.dispatch.logs, positions } });
  const second = new RecordedSession(nodeA);
  const { verdicts } = await port.opened(second, helloHolding(attemptId));
  port.established(second);
  await world.settle();
  return { second, verdicts };
}

describe('an attempt of another node that a hello names', () => {
  it.each(['runs', 'is settled'])("stays the other node's, and tells nothing, when it %s", async (how) => {
    const { attemptId, first } = await startedAndGone();
    if (how === 'is settled') {
      await world.port.reported(first, report(attemptId, nodeA, exitedZero));
      await settleLog(world.dispatch, attemptId, noTallies);
    }
    const positions = async () => [{ attemptId, run: 1, stream: 'stdout' as const, nextOffsetBytes: 7 }];
    const port = makeWorkPort({ ...world.dispatch, logs: { ...world.dispatch.logs, positions } });
    const stranger = new RecordedSession(nodeB);
    const { verdicts } = await port.opened(stranger, helloHolding(attemptId));
    port.established(stranger);
    expect(verdicts).toEqual([{ attemptId, verdict: 'keep', acks: [] }]);
    expect(stranger.forgotten).toEqual([]);
    expect(world.dispatch.book.ownerOf(attemptId)).not.toBe(nodeB);
    expect(await port.reported(stranger, report(attemptId, nodeB, exitedZero))).toBe('unknown');
  });

  it('is foreign when that node is gone for good, so that a machine enrolled anew with its old ledger can go on', async () => {
    const { attemptId, first } = await startedAndGone();
    await world.port.reported(first, report(attemptId, nodeA, exitedZero));
    await settleLog(world.dispatch, attemptId, noTallies);
    world.gone.set(nodeA, 'replaced');
    const again = new RecordedSession(nodeB);
    await world.port.opened(again, helloHolding(attemptId));
    expect(await world.port.reported(again, report(attemptId, nodeB, exitedZero))).toBe('taken');
  });
});

describe('what happens while a session opens', () => {
  it('is said after the COMPLETE set: a cancel that was stored too late for it', async () => {
    const { job, attemptId, first } = await startedAndGone();
    const { second, verdicts } = await openWhile(first, attemptId, async () => {
      const { toStop } = await stopOf(job.id);
      stopWork(world.dispatch, job, toStop);
    });
    expect(verdicts).toMatchObject([{ attemptId, verdict: 'keep' }]);
    expect(second.changes).toEqual([{ kind: 'stop', attemptId, stoppedBy: 'cancel' }]);
  });

  it('is said after the COMPLETE set: that a log was settled, so that the node may forget the attempt', async () => {
    const { attemptId, first } = await startedAndGone();
    await world.port.reported(first, report(attemptId, nodeA, exitedZero));
    const { second, verdicts } = await openWhile(first, attemptId, () =>
      settleLog(world.dispatch, attemptId, noTallies),
    );
    expect(verdicts).toMatchObject([{ attemptId, verdict: 'keep' }]);
    expect(second.forgotten).toEqual([attemptId]);
  });

  it('is not said twice: a stop that the COMPLETE set has', async () => {
    const { job, attemptId, first } = await startedAndGone();
    const { toStop } = await stopOf(job.id);
    stopWork(world.dispatch, job, toStop);
    const { second, verdicts } = await openWhile(first, attemptId, async () => undefined);
    expect(verdicts).toMatchObject([{ attemptId, verdict: 'stop', stoppedBy: 'cancel' }]);
    expect(second.changes).toEqual([]);
  });
});

function helloHolding(attemptId: RecordedSession['offered']): HelloReport {
  return {
    highestStoreEpoch: 0,
    machineIdHash: '',
    agentVersion: '0',
    labels: {},
    fingerprint: create(FingerprintSchema),
    held: [{ attemptId, run: 1, state: 'running' }],
  };
}

async function stopOf(jobId: Parameters<DispatchWorld['job']>[0]) {
  const result = await world.store.jobs.requestCancel(jobId, world.clock.nowMs());
  if (result.kind !== 'requested') throw new Error('not cancelled');
  return result;
}
