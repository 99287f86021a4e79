import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { asJobId } from '@muster/common/ids/ids';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { nodeA, nodeB, type RecordedSession } from '../dispatch/dispatch.fixture.ts';
import { cancelJob } from './cancel-job.ts';
import { type LogReadingWorld, lineOf, linesOf, logReadingWorld, startJob } from './read-logs.fixture.ts';

let directory: TempDir;
let world: LogReadingWorld;
let a: RecordedSession;

beforeEach(async () => {
  directory = await tempDir();
  world = await logReadingWorld(directory.path);
  a = await world.connect(nodeA);
});

afterEach(async () => {
  expect(world.work.dispatch.feed.size).toBe(0);
  await world[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const neverStarted = { kind: 'not_run', reason: 'never_started', message: 'not now' } as const;
const lost = {
  kind: 'ended',
  how: { kind: 'lost', reason: 'supervisor_died', message: 'its supervisor died' },
  signalsSent: [],
  endedAtMs: 2,
} as const;

describe('reading the log of one task', () => {
  it('gives what was printed so far and that more may come', async () => {
    const { job, attemptId } = await startJob(world, a);
    await world.print(attemptId, 'one\n');
    await world.print(attemptId, 'two\n', { stream: 'stderr' });
    expect(await linesOf(world.read({ jobId: job.id }))).toEqual([
      '0.1 out@0 one\n',
      '0.1 err@0 two\n',
      '0.1 end the log is not complete yet',
    ]);
  });

  it('goes on with follow until the log is complete, and says what each stream came to', async () => {
    const { job, attemptId } = await startJob(world, a);
    await world.print(attemptId, 'one\n');
    const reader = world.read({ jobId: job.id, follow: true });
    expect(lineOf((await reader.next()).value ?? fail())).toBe('0.1 out@0 one\n');
    const second = reader.next();
    await world.print(attemptId, 'two\n');
    expect(lineOf((await second).value ?? fail())).toBe('0.1 out@4 two\n');
    await world.end(a, attemptId);
    const end = (await reader.next()).value ?? fail();
    expect(end.event).toMatchObject({
      case: 'end',
      value: {
        complete: true,
        source: { attemptId, run: 1, taskIndex: 0, attemptNumber: 1, nodeId: nodeA, nodeName: 'a' },
        streams: [
          { stream: OutputStream.STDOUT, storedBytes: 8n, producedBytes: 8n },
          { stream: OutputStream.STDERR, storedBytes: 0n, producedBytes: 0n },
        ],
      },
    });
    expect((await reader.next()).done).toBe(true);
  });

  it('begins before the task has an attempt, and follows it from its first byte', async () => {
    const job = await world.work.submit({}, [nodeB]);
    const lines = linesOf(world.read({ jobId: job.id, follow: true }));
    const b = await world.connect(nodeB);
    const attemptId = await world.start(b);
    await world.print(attemptId, 'here\n');
    await world.end(b, attemptId);
    expect(await lines).toEqual(['0.1 out@0 here\n', '0.1 end complete']);
  });

  it('follows a task over an attempt that never started to the one that runs', async () => {
    const { job, attemptId } = await startJob(world, a);
    const lines = linesOf(world.read({ jobId: job.id, follow: true }));
    await world.end(a, attemptId, neverStarted);
    const second = await world.start(a);
    expect(second).not.toBe(attemptId);
    await world.print(second, 'at last\n');
    await world.end(a, second);
    expect(await lines).toEqual(['0.1 end complete', '0.2 out@0 at last\n', '0.2 end complete']);
  });

  it('gives one stream where only that is asked for', async () => {
    const { job, attemptId } = await startJob(world, a);
    await world.print(attemptId, 'out\n');
    await world.print(attemptId, 'err\n', { stream: 'stderr' });
    await world.end(a, attemptId);
    expect(await linesOf(world.read({ jobId: job.id, stream: OutputStream.STDERR }))).toEqual([
      '0.1 err@0 err\n',
      '0.1 end complete',
    ]);
  });

  it('gives the attempt that is asked for by its number, and ends with it', async () => {
    const { job, attemptId } = await startJob(world, a);
    await world.end(a, attemptId, neverStarted);
    const second = await world.start(a);
    await world.print(second, 'second\n');
    const read = (attemptNumber: number, follow: boolean) =>
      linesOf(world.read({ jobId: job.id, attemptNumber, follow }));
    expect(await read(1, true)).toEqual(['0.1 end complete']);
    expect(await read(2, false)).toEqual(['0.2 out@0 second\n', '0.2 end the log is not complete yet']);
    await expect(read(3, true)).rejects.toMatchObject({
      code: 'not_found',
      field: 'attempt_number',
      message: expect.stringContaining('has no attempt 3; it has 2'),
    });
  });

  it('goes on from a position without a byte twice or a byte lost', async () => {
    const { job, attemptId } = await startJob(world, a);
    await world.print(attemptId, 'abcdef');
    await world.print(attemptId, 'xyz', { stream: 'stderr' });
    await world.end(a, attemptId);
    const positions = [
      { attemptId, run: 1, stream: OutputStream.STDOUT, offsetBytes: 4n },
      { attemptId, run: 1, stream: OutputStream.STDERR, offsetBytes: 3n },
    ];
    expect(await linesOf(world.read({ jobId: job.id, positions }))).toEqual(['0.1 out@4 ef', '0.1 end complete']);
  });

  it('gives only what was read since a time', async () => {
    const { job, attemptId } = await startJob(world, a);
    await world.print(attemptId, 'old\n', { observedAtMs: 5_000 });
    await world.print(attemptId, 'new\n', { observedAtMs: 9_000 });
    expect(await linesOf(world.read({ jobId: job.id, since: { seconds: 9n } }))).toEqual([
      '0.1 out@4 new\n',
      '0.1 end the log is not complete yet',
    ]);
  });

  it('ends complete for an attempt that printed nothing', async () => {
    const { job, attemptId } = await startJob(world, a);
    const following = linesOf(world.read({ jobId: job.id, follow: true }));
    await world.end(a, attemptId);
    expect(await following).toEqual(['0.1 end complete']);
    expect(await linesOf(world.read({ jobId: job.id }))).toEqual(['0.1 end complete']);
  });

  it('says of a lost attempt why its log may not be complete', async () => {
    const { job, attemptId } = await startJob(world, a);
    await world.print(attemptId, 'half');
    await world.end(a, attemptId, lost);
    const again = await logReadingWorldAfterRestart();
    expect(await linesOf(again.read({ jobId: job.id, follow: true }))).toEqual([
      '0.1 out@0 half',
      '0.1 end nobody can say what else it printed: its supervisor died',
    ]);
  });

  it('ends for a task that ends without an attempt', async () => {
    const job = await world.work.submit({}, [nodeB]);
    const lines = linesOf(world.read({ jobId: job.id, follow: true }));
    const { dispatch, store, clock } = world.work;
    await cancelJob({ store: store.jobs, stop: () => dispatch.feed.notify(job.id), clock }, job.id);
    expect(await lines).toEqual([]);
    expect(await linesOf(world.read({ jobId: job.id, follow: true }))).toEqual([]);
  });

  it('rejects with the reason of an abort, whatever it waits for', async () => {
    const waiting = await world.work.submit({}, [nodeB]);
    const { job } = await startJob(world, a);
    for (const jobId of [waiting.id, job.id]) {
      const stop = new AbortController();
      const next = world.read({ jobId, follow: true }, stop.signal).next();
      await world.work.settle();
      stop.abort(new Error('gone'));
      await expect(next).rejects.toThrow('gone');
    }
  });

  it.each([
    ['a job', { jobId: asJobId('7'.repeat(26)) }, 'job_id'],
    ['a task', { taskIndex: 1 }, 'task_index'],
  ])('names %s that does not exist', async (_what, request, field) => {
    const { job } = await startJob(world, a);
    await expect(linesOf(world.read({ jobId: job.id, ...request }))).rejects.toMatchObject({
      code: 'not_found',
      field,
    });
  });

  async function logReadingWorldAfterRestart(): Promise<LogReadingWorld> {
    await world[Symbol.asyncDispose]();
    world = await logReadingWorld(directory.path);
    return world;
  }
});

function fail(): never {
  throw new Error('the log ended');
}
