import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { asJobId, type JobId } from '@muster/common/ids/ids';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import {
  type DispatchWorld,
  dispatchWorld,
  exitedZero,
  nodeA,
  noTallies,
  RecordedSession,
  report,
} from '../dispatch/dispatch.fixture.ts';
import { settleLog } from '../dispatch/status-intake.ts';
import { stopWork } from '../dispatch/stop-work.ts';
import { cancelJob } from './cancel-job.ts';
import { watchAllJobs, watchNamedJobs } from './watch-jobs.ts';

let directory: TempDir;
let world: DispatchWorld;
let stop: AbortController;

beforeEach(async () => {
  directory = await tempDir();
  world = await dispatchWorld(directory.path);
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort(new Error('enough'));
  expect(world.dispatch.feed.size).toBe(0);
  await world[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const deps = () => ({ store: world.store.jobs, feed: world.dispatch.feed });
const cancel = (id: JobId) =>
  cancelJob(
    { store: world.store.jobs, stop: (job, attempts) => stopWork(world.dispatch, job, attempts), clock: world.clock },
    id,
  );

async function started(session: RecordedSession) {
  const job = await world.submit();
  world.port.replied(session, session.offered, { kind: 'accepted' });
  await world.settle();
  return { job, attemptId: session.offered };
}

describe('a watch of named jobs', () => {
  it('shows them as they are, then each change, and ends when they have ended and their logs are complete', async () => {
    const session = new RecordedSession(nodeA);
    await world.connect(session);
    const { job, attemptId } = await started(session);
    const seen: string[] = [];
    const revisions: number[] = [];
    for await (const each of watchNamedJobs(deps(), [job.id], stop.signal)) {
      const attempt = each.tasks[0]?.attempts[0];
      seen.push(`${each.state} ${attempt?.state.kind} ${attempt?.logComplete}`);
      revisions.push(each.revision);
      if (seen.length === 1) await world.port.reported(session, report(attemptId, nodeA, exitedZero));
      if (seen.length === 2) await settleLog(world.dispatch, attemptId, noTallies);
    }
    expect(seen).toEqual(['running start_allowed false', 'succeeded ended false', 'succeeded ended true']);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  });

  it('ends only when the last of them has', async () => {
    const [first, second] = [await world.submit(), await world.submit()];
    const seen: string[] = [];
    for await (const each of watchNamedJobs(deps(), [first.id, second.id], stop.signal)) {
      seen.push(`${each.id === first.id ? 'first' : 'second'} ${each.state}`);
      if (seen.length === 2) await cancel(first.id);
      if (seen.length === 3) await cancel(second.id);
    }
    expect(seen).toEqual(['first queued', 'second queued', 'first cancelled', 'second cancelled']);
  });

  it('of a job that does not exist is refused', async () => {
    const job = await world.submit();
    const watch = watchNamedJobs(deps(), [job.id, asJobId('7'.repeat(26))], stop.signal);
    await watch.next();
    await expect(watch.next()).rejects.toMatchObject({ code: 'not_found', field: 'job_ids' });
  });

  it('shows nothing twice when a job is said to have changed and has not', async () => {
    const job = await world.submit();
    const watch = watchNamedJobs(deps(), [job.id], stop.signal);
    await watch.next();
    const next = watch.next();
    world.dispatch.feed.notify(job.id);
    await world.settle();
    await cancel(job.id);
    expect((await next).value).toMatchObject({ state: 'cancelled' });
    expect(await watch.next()).toMatchObject({ done: true });
  });

  it('rejects with the reason of an abort', async () => {
    const job = await world.submit();
    const watch = watchNamedJobs(deps(), [job.id], stop.signal);
    await watch.next();
    const next = watch.next();
    stop.abort(new Error('gone'));
    await expect(next).rejects.toThrow('gone');
  });
});

describe('a watch of all jobs', () => {
  it('shows those that have not ended, then each change, also the end', async () => {
    const ended = await world.submit();
    await cancel(ended.id);
    const job = await world.submit();
    const watch = watchAllJobs(deps(), stop.signal);
    expect((await watch.next()).value).toMatchObject({ id: job.id, state: 'queued' });
    const next = watch.next();
    await cancel(job.id);
    expect((await next).value).toMatchObject({ id: job.id, state: 'cancelled' });
    await watch.return();
  });

  it('shows a change once, whether it came before the first look or after', async () => {
    const job = await world.submit();
    const watch = watchAllJobs(deps(), stop.signal);
    await watch.next();
    // Says again what the first look has shown.
    world.dispatch.feed.notify(job.id);
    const next = watch.next();
    await world.settle();
    await cancel(job.id);
    expect((await next).value).toMatchObject({ id: job.id, state: 'cancelled' });
    await watch.return();
  });

  it('that lost count of the changes shows also what ended meanwhile, and nothing twice', async () => {
    const [stays, ends] = [await world.submit(), await world.submit()];
    const watch = watchAllJobs(deps(), stop.signal);
    await watch.next();
    await watch.next();
    await cancel(ends.id);
    const fresh = await world.submit();
    for (let n = 0; n <= 100_000; n += 1) world.dispatch.feed.notify(asJobId(String(n).padStart(26, '0')));
    const seen = [(await watch.next()).value, (await watch.next()).value];
    expect(seen).toMatchObject([
      { id: fresh.id, state: 'queued' },
      { id: ends.id, state: 'cancelled' },
    ]);
    const next = watch.next();
    await world.settle();
    await cancel(stays.id);
    expect((await next).value).toMatchObject({ id: stays.id, state: 'cancelled' });
    await watch.return();
  });
});
