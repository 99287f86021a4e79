import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AttemptId, NodeId } from '@muster/common/ids/ids';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { nodeA, nodeB, type RecordedSession } from '../dispatch/dispatch.fixture.ts';
import type { JobStore } from './job-store.ts';
import { type LogReadingWorld, lineOf, linesOf, logReadingWorld } from './read-logs.fixture.ts';

let directory: TempDir;
let world: LogReadingWorld;

beforeEach(async () => {
  directory = await tempDir();
  world = await logReadingWorld(directory.path);
});

afterEach(async () => {
  expect(world.work.dispatch.feed.size).toBe(0);
  await world[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** A job with a task on each of these, all started; attempts in the order of the tasks. */
async function startedOn(sessions: readonly RecordedSession[], nodes: readonly NodeId[]) {
  const job = await world.work.submit({}, nodes);
  const attempts: AttemptId[] = [];
  for (const session of sessions) {
    for (const change of session.changes) {
      if (change.kind !== 'offer') continue;
      attempts[change.assignment.taskIndex] = change.assignment.attemptId;
      world.work.port.replied(session, change.assignment.attemptId, { kind: 'accepted' });
    }
  }
  await world.work.settle();
  return { job, attempts };
}

/** Counts how often jobs are read. */
function counted(store: Pick<JobStore, 'get'>) {
  const counter = {
    reads: 0,
    get: (id: Parameters<JobStore['get']>[0]) => {
      counter.reads += 1;
      return store.get(id);
    },
  };
  return counter;
}

describe('reading the logs of all tasks of a job', () => {
  it('gives each task its output in order and its end, as they come', async () => {
    const [a, b] = [await world.connect(nodeA), await world.connect(nodeB)];
    const { job, attempts } = await startedOn([a, b], [nodeA, nodeB]);
    const [first, second] = attempts;
    if (first === undefined || second === undefined) throw new Error('not started');
    const reading = linesOf(world.read({ jobId: job.id, follow: true }));
    await world.print(second, 'b1\n');
    await world.print(first, 'a1\n');
    await world.end(b, second);
    await world.print(first, 'a2\n');
    await world.end(a, first);
    const lines = await reading;
    expect(lines.filter((line) => line.startsWith('1.1'))).toEqual(['1.1 out@0 b1\n', '1.1 end complete']);
    // What came while the reader looked away may come as one piece.
    const ofFirst = lines.filter((line) => line.startsWith('0.1'));
    expect(ofFirst.at(-1)).toBe('0.1 end complete');
    expect(ofFirst.map((line) => line.replace(/^\S+ (out@\d+|end) /, '')).join('')).toBe('a1\na2\ncomplete');
  });

  it('shows a task that prints while another still waits for its node', async () => {
    const a = await world.connect(nodeA);
    const { job, attempts } = await startedOn([a], [nodeB, nodeA]);
    const attemptId = attempts[1];
    if (attemptId === undefined) throw new Error('not started');
    const stop = new AbortController();
    const reader = world.read({ jobId: job.id, follow: true }, stop.signal);
    const next = reader.next();
    await world.print(attemptId, 'early\n');
    const { value } = await next;
    expect(value === undefined ? '' : lineOf(value)).toBe('1.1 out@0 early\n');
    const after = reader.next();
    stop.abort(new Error('gone'));
    await expect(after).rejects.toThrow('gone');
  });

  it('gives one of them where it is named, and asks for it where an attempt number needs it', async () => {
    const a = await world.connect(nodeA);
    const { job, attempts } = await startedOn([a], [nodeA, nodeA]);
    if (attempts[1] === undefined) throw new Error('not started');
    await world.print(attempts[1], 'second\n');
    expect(await linesOf(world.read({ jobId: job.id, taskIndex: 1 }))).toEqual([
      '1.1 out@0 second\n',
      '1.1 end the log is not complete yet',
    ]);
    await expect(linesOf(world.read({ jobId: job.id, attemptNumber: 1 }))).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'task_index',
    });
  });

  it('shows all of some hundred tasks, more than are read at once', async () => {
    const a = await world.connect(nodeA);
    const { job, attempts } = await startedOn(
      [a],
      Array.from({ length: 300 }, () => nodeA),
    );
    const reading = linesOf(world.read({ jobId: job.id, follow: true }));
    for (const [index, attemptId] of attempts.entries())
      if (index % 50 === 0) await world.print(attemptId, `${index}\n`);
    await Promise.all(attempts.map((attemptId) => world.end(a, attemptId)));
    const lines = await reading;
    expect(lines.filter((line) => line.endsWith(' end complete'))).toHaveLength(300);
    expect(lines.filter((line) => line.includes(' out@0 '))).toHaveLength(6);
  }, 30_000);

  it('reads the job once for all tasks when it changes, not once for each', async () => {
    const a = await world.connect(nodeA);
    const job = await world.work.submit(
      {},
      Array.from({ length: 200 }, () => nodeB),
    );
    const store = counted(world.work.store.jobs);
    const stop = new AbortController();
    const next = world.read({ jobId: job.id, follow: true }, stop.signal, { ...world.deps, store }).next();
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    await turn();
    const readsBefore = store.reads;
    for (let change = 0; change < 10; change += 1) {
      world.work.dispatch.feed.notify(job.id);
      await turn();
    }
    expect(readsBefore).toBeLessThan(5);
    expect(store.reads - readsBefore).toBeLessThanOrEqual(10);
    expect(a.ended).toBe(false);
    stop.abort(new Error('gone'));
    await expect(next).rejects.toThrow('gone');
  });

  it('leaves nothing behind when the reader leaves early', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    const a = await world.connect(nodeA);
    const { job, attempts } = await startedOn(
      [a],
      Array.from({ length: 300 }, () => nodeA),
    );
    const reader = world.read({ jobId: job.id, follow: true });
    const first = reader.next();
    for (const attemptId of attempts.slice(0, 3)) await world.print(attemptId, 'something\n');
    await first;
    await reader.return();
    expect(world.work.dispatch.feed.size).toBe(0);
    const inUse = attempts.filter((attemptId) => world.deps.logs.logs.peek({ attemptId, run: 1 })?.users);
    expect(inUse).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('fails as a whole, and leaves nothing behind, when one log can not be read', async () => {
    const a = await world.connect(nodeA);
    const { job, attempts } = await startedOn([a], [nodeA, nodeA, nodeA]);
    const broken = {
      ...world.deps,
      logs: {
        store: world.deps.logs.store,
        logs: Object.assign(Object.create(world.deps.logs.logs), {
          lease: (key: Parameters<typeof world.deps.logs.logs.lease>[0]) =>
            key.attemptId === attempts[1]
              ? Promise.reject(new Error('the disk is gone'))
              : world.deps.logs.logs.lease(key),
        }),
      },
    };
    await expect(linesOf(world.read({ jobId: job.id, follow: true }, undefined, broken))).rejects.toThrow(
      'the disk is gone',
    );
  });
});
