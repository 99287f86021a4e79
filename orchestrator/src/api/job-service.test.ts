import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { asJobId, type JobId } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { JobService, type ReadLogsResponse } from '@muster/gen/muster/control/v1/job_service_pb';
import { JobState, TaskState } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { exitedZero, nodeA, report } from '../dispatch/dispatch.fixture.ts';
import { enqueueJob } from '../dispatch/enqueue.ts';
import { whyWaiting } from '../dispatch/place-waiting.ts';
import { stopWork } from '../dispatch/stop-work.ts';
import { type LogReadingWorld, lineOf, logReadingWorld, startJob } from '../jobs/read-logs.fixture.ts';
import type { TargetNode } from '../jobs/targets.ts';
import { openTestDoor, type Protocol, type TestDoor } from './control-door.fixture.ts';
import { jobService } from './job-service.ts';
import { pageTokens } from './page-token.ts';

const protocols: readonly Protocol[] = ['grpc', 'grpc-web', 'connect'];
const noJob = '7'.repeat(26);
const target: TargetNode = { id: nodeA, name: 'a', labels: {}, cordoned: false, quarantined: false, online: true };
const date = { workload: { kind: { case: 'process' as const, value: { argv: ['/bin/date'] } } } };

let directory: TempDir;
let world: LogReadingWorld;
let door: TestDoor;
let client: ReturnType<typeof createClient<typeof JobService>>;

beforeEach(async () => {
  directory = await tempDir();
  world = await logReadingWorld(directory.path);
  door = await openTestDoor({ services: [serviceOf(world)] });
  client = createClient(JobService, door.transport(await door.key('operator')));
});

afterEach(async () => {
  await eventually(() => world.work.dispatch.feed.size === 0, { what: 'every watcher has left' });
  await door[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

function serviceOf({ work, deps: logs }: LogReadingWorld) {
  const { dispatch, clock } = work;
  const store = work.store.jobs;
  const { feed, ids } = dispatch;
  return jobService({
    submit: {
      store,
      nodes: { find: (name) => (name === 'a' ? target : undefined), all: () => [target] },
      enqueue: (job) => enqueueJob(dispatch, job),
      takeOut: (job) => stopWork(dispatch, job, []),
      feed,
      clock,
      ids,
    },
    cancel: { store, stop: (job, toStop) => stopWork(dispatch, job, toStop), clock },
    watch: { store, feed },
    view: {
      nodes: { nameOf: (id) => id.slice(-1), outOfContact: (id) => work.silent.has(id) },
      whyWaiting: (jobId: JobId, taskIndex: number) => whyWaiting(dispatch, dispatch.queue.get(jobId, taskIndex)),
    },
    logs,
    store,
    pageTokens: pageTokens(systemRandom.bytes(32)),
  });
}

async function problemOf(call: Promise<unknown>): Promise<{ code: Code; text: string }> {
  try {
    await call;
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return { code, text: rawMessage };
  }
  throw new Error('it went well');
}

async function firstOf<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const message of stream) return message;
  throw new Error('nothing came');
}

describe('submitting', () => {
  it.each(protocols)('answers over %s with the job as it is stored, and why it waits', async (protocol) => {
    const operator = createClient(JobService, door.transport(await door.key('operator'), protocol));
    const { job } = await operator.submitJob({ spec: { ...date, labels: { team: 'x' } } });
    expect(job).toMatchObject({ state: JobState.QUEUED, submittedBy: 'operator', spec: { name: 'date' } });
    expect(job?.tasks).toMatchObject([{ index: 0, state: TaskState.QUEUED }]);
    expect(job?.tasks[0]?.message).not.toBe('');
    const again = await operator.getJob({ jobId: job?.id ?? '' });
    expect(again.job).toEqual(job);
  });

  it('holds the answer until the job has ended, where asked to wait', async () => {
    const session = await world.connect(nodeA);
    const answer = client.submitJob({ spec: date, wait: { seconds: 60n } });
    await eventually(async () => {
      await world.work.settle();
      return session.told.includes('offer');
    });
    const attemptId = await world.start(session);
    await world.work.port.reported(session, report(attemptId, nodeA, exitedZero));
    expect((await answer).job?.state).toBe(JobState.SUCCEEDED);
  });

  it('answers with the job as it stands when the wait is over', async () => {
    const answer = client.submitJob({ spec: date, wait: { seconds: 2n } });
    await world.work.clock.waitUntilSleepers(1);
    await world.work.clock.advance(2_000);
    expect((await answer).job?.state).toBe(JobState.QUEUED);
  });

  it('lets go of a caller that hangs up while it waits', async () => {
    const hangUp = new AbortController();
    const answer = client.submitJob({ spec: date, wait: { seconds: 60n } }, { signal: hangUp.signal });
    const problem = problemOf(answer);
    await world.work.clock.waitUntilSleepers(1);
    hangUp.abort();
    expect((await problem).code).toBe(Code.Canceled);
    await eventually(() => world.work.clock.waiting === 0);
  });

  it.each([
    ['a negative wait', { spec: date, wait: { seconds: -1n } }, 'wait: must be 0 to 60 s'],
    ['a wait over a minute', { spec: date, wait: { seconds: 61n } }, 'wait: must be 0 to 60 s'],
    ['no spec', {}, 'spec: missing'],
    ['a request id with a space', { spec: date, requestId: 'a b' }, 'request_id: must be 1 to 128'],
  ])('refuses %s, and stores nothing', async (_what, request, text) => {
    const problem = await problemOf(client.submitJob(request));
    expect(problem).toEqual({ code: Code.InvalidArgument, text: expect.stringContaining(text) });
    expect((await client.listJobs({})).jobs).toEqual([]);
  });

  it('is not for viewers, who may read', async () => {
    const viewer = createClient(JobService, door.transport(await door.key('viewer')));
    const { job } = await client.submitJob({ spec: date });
    expect((await viewer.getJob({ jobId: job?.id ?? '' })).job?.id).toBe(job?.id);
    expect((await problemOf(viewer.submitJob({ spec: date }))).code).toBe(Code.PermissionDenied);
    expect((await problemOf(viewer.cancelJob({ jobId: job?.id ?? '' }))).code).toBe(Code.PermissionDenied);
  });
});

describe('listing jobs', () => {
  const named = (name: string, labels: Record<string, string> = {}) =>
    client.submitJob({ spec: { ...date, name, labels } });
  const namesOf = (page: Awaited<ReturnType<typeof client.listJobs>>) => page.jobs.map((job) => job.spec?.name);

  it('goes page by page, newest first, and shows each once though new ones come in between', async () => {
    for (const name of ['one', 'two', 'three', 'four', 'five']) await named(name);
    const first = await client.listJobs({ pageSize: 2 });
    await named('six');
    const second = await client.listJobs({ pageSize: 2, pageToken: first.nextPageToken });
    const third = await client.listJobs({ pageSize: 2, pageToken: second.nextPageToken });
    expect([first, second, third].map(namesOf)).toEqual([['five', 'four'], ['three', 'two'], ['one']]);
    expect(third.nextPageToken).toBe('');
    expect(first.jobs[0]?.tasks).toEqual([]);
  });

  it('takes a page size of 0 as 100 and one beyond 1000 as 1000', async () => {
    for (let made = 0; made < 101; made += 1) await world.work.submit();
    expect((await client.listJobs({ pageSize: 0 })).jobs).toHaveLength(100);
    expect((await client.listJobs({ pageSize: 5_000 })).jobs).toHaveLength(101);
  }, 20_000);

  it('gives only jobs in the states and with the labels that are asked for', async () => {
    await named('web', { app: 'web', tier: 'front' });
    await named('db', { app: 'db' });
    const gone = await named('gone', { app: 'web' });
    await client.cancelJob({ jobId: gone.job?.id ?? '' });
    const web = { matchLabels: { app: 'web' } };
    expect(namesOf(await client.listJobs({ selector: web }))).toEqual(['gone', 'web']);
    expect(namesOf(await client.listJobs({ selector: web, states: [JobState.QUEUED] }))).toEqual(['web']);
    expect(namesOf(await client.listJobs({ states: [JobState.CANCELLED, JobState.RUNNING] }))).toEqual(['gone']);
    expect(namesOf(await client.listJobs({ selector: { matchLabels: { tier: 'back' } } }))).toEqual([]);
  });

  it('goes on with the same conditions in any order: maps have none on the wire', async () => {
    for (const name of ['one', 'two']) await named(name, { app: 'web', tier: 'front' });
    const [queued, running] = [JobState.QUEUED, JobState.RUNNING];
    const first = await client.listJobs({
      pageSize: 1,
      states: [queued, running],
      selector: { matchLabels: { app: 'web', tier: 'front' } },
    });
    const second = await client.listJobs({
      pageSize: 1,
      pageToken: first.nextPageToken,
      states: [running, queued, queued],
      selector: { matchLabels: { tier: 'front', app: 'web' } },
    });
    expect([first, second].map(namesOf)).toEqual([['two'], ['one']]);
  });

  it('refuses a page token that is forged, or from a list with other conditions', async () => {
    for (const name of ['one', 'two']) await named(name);
    const { nextPageToken } = await client.listJobs({ pageSize: 1 });
    const wrong = [
      { pageToken: 'forged' },
      { pageToken: `A${nextPageToken.slice(1)}` },
      { pageToken: nextPageToken, states: [JobState.QUEUED] },
      { pageToken: nextPageToken, selector: { matchLabels: { app: 'web' } } },
    ];
    for (const request of wrong) {
      const problem = await problemOf(client.listJobs(request));
      expect(problem).toEqual({ code: Code.InvalidArgument, text: expect.stringContaining('page_token: ') });
    }
  });

  it.each([
    ['a state that does not exist', { states: [99] }, 'states: 99 is not known'],
    ['an unset state', { states: [0] }, 'states: must be set'],
    ['a bad label key', { selector: { matchLabels: { 'No Key': 'x' } } }, 'selector.match_labels'],
  ])('refuses %s', async (_what, request, text) => {
    const problem = await problemOf(client.listJobs(request));
    expect(problem).toEqual({ code: Code.InvalidArgument, text: expect.stringContaining(text) });
  });
});

describe('a job that is not there', () => {
  it.each(['getJob', 'cancelJob'] as const)('is named by %s, and so is what is no id', async (method) => {
    expect(await problemOf(client[method]({ jobId: noJob }))).toMatchObject({ code: Code.NotFound });
    expect(await problemOf(client[method]({ jobId: '../etc' }))).toEqual({
      code: Code.InvalidArgument,
      text: expect.stringContaining('job_id'),
    });
    expect((await problemOf(client[method]({}))).code).toBe(Code.InvalidArgument);
  });

  it('ends a watch and a reading of logs', async () => {
    expect((await problemOf(firstOf(client.watchJobs({ jobIds: [noJob] })))).code).toBe(Code.NotFound);
    expect((await problemOf(firstOf(client.readLogs({ jobId: noJob })))).code).toBe(Code.NotFound);
  });
});

describe('cancelling', () => {
  it('ends a job that waits, and changes nothing the second time', async () => {
    const { job } = await client.submitJob({ spec: date });
    const jobId = job?.id ?? '';
    const first = await client.cancelJob({ jobId });
    expect(first.job?.state).toBe(JobState.CANCELLED);
    expect((await client.cancelJob({ jobId })).job).toEqual(first.job);
    expect(world.work.dispatch.queue.size).toBe(0);
  });

  it('of a job that runs is stored and stops the attempt, however often it is asked', async () => {
    const session = await world.connect(nodeA);
    const { job } = await startJob(world, session);
    const first = await client.cancelJob({ jobId: job.id });
    const second = await client.cancelJob({ jobId: job.id });
    expect(first.job).toMatchObject({ state: JobState.RUNNING, cancelRequestedTime: expect.anything() });
    expect(second.job?.cancelRequestedTime).toEqual(first.job?.cancelRequestedTime);
    expect(session.told.slice(0, 3)).toEqual(['offer', 'start', 'stop']);
  });
});

describe('watching jobs', () => {
  it.each(protocols)('shows over %s the named ones and each change until they have ended', async (protocol) => {
    const watcher = createClient(JobService, door.transport(await door.key('viewer'), protocol));
    const { job } = await client.submitJob({ spec: date });
    const jobId = job?.id ?? '';
    const states: (JobState | undefined)[] = [];
    for await (const change of watcher.watchJobs({ jobIds: [jobId] })) {
      states.push(change.job?.state);
      expect(change.job?.tasks).toHaveLength(1);
      if (states.length === 1) await client.cancelJob({ jobId });
    }
    expect(states).toEqual([JobState.QUEUED, JobState.CANCELLED]);
  });

  it('shows, of all jobs, those that have not ended and then a new one, without tasks', async () => {
    const { job } = await client.submitJob({ spec: date });
    const seen: (string | undefined)[] = [];
    const hangUp = new AbortController();
    for await (const change of client.watchJobs({}, { signal: hangUp.signal })) {
      expect(change.job?.tasks).toEqual([]);
      seen.push(change.job?.id);
      if (seen.length === 2) break;
      await client.submitJob({ spec: { ...date, name: 'new' } });
    }
    hangUp.abort();
    expect(seen).toEqual([job?.id, (await client.listJobs({ pageSize: 1 })).jobs[0]?.id]);
  });

  it('refuses more than 1000 ids, and says which is no id', async () => {
    const many = Array.from({ length: 1_001 }, (_, n) => asJobId(String(n).padStart(26, '0')));
    expect(await problemOf(firstOf(client.watchJobs({ jobIds: many })))).toEqual({
      code: Code.InvalidArgument,
      text: expect.stringContaining('job_ids: 1001 jobs; at most 1000'),
    });
    expect(await problemOf(firstOf(client.watchJobs({ jobIds: [noJob, 'x'] })))).toEqual({
      code: Code.InvalidArgument,
      text: expect.stringContaining('job_ids[1]'),
    });
  });
});

describe('reading logs', () => {
  it.each(protocols)('streams over %s what is printed, to the complete end', async (protocol) => {
    const session = await world.connect(nodeA);
    const { job, attemptId } = await startJob(world, session);
    await world.print(attemptId, 'hello\n');
    const reader = createClient(JobService, door.transport(await door.key('viewer'), protocol));
    const seen: ReadLogsResponse[] = [];
    for await (const event of reader.readLogs({ jobId: job.id, follow: true })) {
      seen.push(event);
      if (seen.length === 1) await world.end(session, attemptId);
    }
    expect(seen.map(lineOf)).toEqual(['0.1 out@0 hello\n', '0.1 end complete']);
  });

  it('lets go of everything when the reader hangs up', async () => {
    const session = await world.connect(nodeA);
    const { job, attemptId } = await startJob(world, session);
    await world.print(attemptId, 'hello\n');
    const hangUp = new AbortController();
    await firstOf(client.readLogs({ jobId: job.id, follow: true }, { signal: hangUp.signal }));
    expect(world.work.dispatch.feed.size).toBe(1);
    hangUp.abort();
    const inUse = () => world.deps.logs.logs.peek({ attemptId, run: 1 })?.users;
    await eventually(() => inUse() === 0 && world.work.dispatch.feed.size === 0);
  });
});

describe('what a job shows while it is not running', () => {
  it('is why each task waits, and that an attempt is out of contact', async () => {
    const job = await world.work.submit();
    const waiting = await client.getJob({ jobId: job.id });
    expect(waiting.job?.tasks[0]?.message).toBe('no node can take it: 2 are unreachable');
    const session = await world.connect(nodeA);
    await world.start(session);
    world.work.silent.add(nodeA);
    const { job: shown } = await client.getJob({ jobId: job.id });
    expect(shown?.tasks[0]).toMatchObject({ message: '', attempts: [{ unknown: true, nodeName: 'a' }] });
  });
});
