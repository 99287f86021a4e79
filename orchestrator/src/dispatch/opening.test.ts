import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import {
  type DispatchWorld,
  dispatchWorld,
  exitedZero,
  nodeA,
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
  const held = [{ attemptId, run: 1, state: 'running' as const }];
  const { verdicts } = await port.opened(second, {
    highestStoreEpoch: 0,
    machineIdHash: '',
    agentVersion: '0',
    labels: {},
    fingerprint: create(FingerprintSchema),
    held,
  });
  port.established(second);
  await world.settle();
  return { second, verdicts };
}

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

async function stopOf(jobId: Parameters<DispatchWorld['job']>[0]) {
  const result = await world.store.jobs.requestCancel(jobId, world.clock.nowMs());
  if (result.kind !== 'requested') throw new Error('not cancelled');
  return result;
}
