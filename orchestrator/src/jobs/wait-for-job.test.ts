import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import {
  type DispatchWorld,
  dispatchWorld,
  exitedZero,
  nodeA,
  RecordedSession,
  report,
} from '../dispatch/dispatch.fixture.ts';
import { cancelJob } from './cancel-job.ts';
import type { JobStore } from './job-store.ts';
import { waitForJob } from './wait-for-job.ts';

let directory: TempDir;
let world: DispatchWorld;
const never = new AbortController().signal;

beforeEach(async () => {
  directory = await tempDir();
  world = await dispatchWorld(directory.path);
});

afterEach(async () => {
  expect(world.dispatch.feed.size).toBe(0);
  expect(world.clock.waiting).toBe(0);
  await world[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const deps = (store: Pick<JobStore, 'get'> = world.store.jobs) => ({
  store,
  feed: world.dispatch.feed,
  clock: world.clock,
});

describe('waiting for a job', () => {
  it('gives the job as it ended, however it changes before', async () => {
    const session = new RecordedSession(nodeA);
    await world.connect(session);
    const job = await world.submit();
    const waiting = waitForJob(deps(), job, 60_000, never);
    world.port.replied(session, session.offered, { kind: 'accepted' });
    await world.settle();
    await world.port.reported(session, report(session.offered, nodeA, exitedZero));
    expect(await waiting).toMatchObject({ state: 'succeeded', tasks: [{ attempts: [{ state: exitedZero }] }] });
  });

  it('gives a job that has ended at once', async () => {
    const job = await world.submit();
    await world.store.jobs.requestCancel(job.id, 1);
    expect((await waitForJob(deps(), job, 60_000, never)).state).toBe('cancelled');
  });

  it('gives the job as it stands when the time is over', async () => {
    const job = await world.submit();
    const waiting = waitForJob(deps(), job, 1_000, never);
    await world.clock.advance(1_000);
    expect((await waiting).state).toBe('queued');
  });

  it('rejects with the reason when the caller gives up', async () => {
    const job = await world.submit();
    const stop = new AbortController();
    const waiting = waitForJob(deps(), job, 1_000, stop.signal);
    await world.settle();
    stop.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
  });

  it('misses no change that comes while the job is being read', async () => {
    const job = await world.submit();
    const feed = world.dispatch.feed;
    let reads = 0;
    const slow: Pick<JobStore, 'get'> = {
      get: async (id) => {
        const read = await world.store.jobs.get(id);
        reads += 1;
        if (reads > 1) return read;
        await cancelJob({ store: world.store.jobs, stop: () => feed.notify(id), clock: world.clock }, id);
        return read;
      },
    };
    expect((await waitForJob(deps(slow), job, 60_000, never)).state).toBe('cancelled');
    expect(reads).toBe(2);
  });
});
