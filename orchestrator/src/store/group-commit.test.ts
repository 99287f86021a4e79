import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/common/errors/app-error';
import { ManualClock } from '@muster/testing/manual-clock';
import Database from 'better-sqlite3';
import { GroupCommit } from './group-commit.ts';

let client: Database.Database;
let clock: ManualClock;
let commit: GroupCommit;

beforeEach(() => {
  client = new Database(':memory:');
  client.exec('CREATE TABLE numbers (n INTEGER PRIMARY KEY)');
  clock = new ManualClock();
  commit = new GroupCommit(client, clock);
});
afterEach(() => {
  commit[Symbol.dispose]();
  client.close();
});

function insert(n: number): number {
  client.prepare('INSERT INTO numbers VALUES (?)').run(n);
  return n;
}
function numbers(): unknown[] {
  return client.prepare('SELECT n FROM numbers ORDER BY n').pluck().all();
}

describe('group commit', () => {
  it('runs what is asked for in one turn in one transaction', async () => {
    const sawTransaction: boolean[] = [];
    const results = await Promise.all(
      [1, 2, 3].map((n) =>
        commit.run(() => {
          sawTransaction.push(client.inTransaction);
          return insert(n);
        }),
      ),
    );
    expect(results).toEqual([1, 2, 3]);
    expect(sawTransaction).toEqual([true, true, true]);
    expect(client.inTransaction).toBe(false);
    expect(numbers()).toEqual([1, 2, 3]);
  });

  it('answers only after the commit', async () => {
    let openAtAnswer = true;
    await commit
      .run(() => insert(1))
      .then(() => {
        openAtAnswer = client.inTransaction;
      });
    expect(openAtAnswer).toBe(false);
  });

  it('undoes only what the failing function did', async () => {
    const failing = commit.run(() => {
      insert(2);
      throw new AppError('not_found', 'there is no such thing');
    });
    const results = await Promise.allSettled([commit.run(() => insert(1)), failing, commit.run(() => insert(3))]);
    expect(results.map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(failing).rejects.toMatchObject({ code: 'not_found' });
    expect(numbers()).toEqual([1, 3]);
  });

  it('rejects one that fails alone, and goes on', async () => {
    await expect(commit.run(() => insert(1)).then(() => commit.run(() => insert(1)))).rejects.toMatchObject({
      code: 'internal',
    });
    await expect(commit.run(() => insert(2))).resolves.toBe(2);
    expect(numbers()).toEqual([1, 2]);
  });

  it('does not tell a row that breaks a constraint from others by their text', async () => {
    await commit.run(() => insert(424242));
    await expect(commit.run(() => insert(424242))).rejects.toThrow(/^the store could not do it$/);
  });

  it('rejects the whole batch when the storage fails, and heals', async () => {
    const full = commit.run(() => {
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    });
    const results = await Promise.allSettled([commit.run(() => insert(1)), full]);
    expect(results).toMatchObject([
      { status: 'rejected', reason: { code: 'resource_exhausted' } },
      { status: 'rejected', reason: { code: 'resource_exhausted' } },
    ]);
    expect(numbers()).toEqual([]);
    await expect(commit.run(() => insert(1))).resolves.toBe(1);
  });

  it('takes no more than it can hold, and says when to try again', async () => {
    const taken = Array.from({ length: 20_000 }, (_, n) => commit.run(() => insert(n)));
    await expect(commit.run(() => insert(-1))).rejects.toMatchObject({
      code: 'resource_exhausted',
      retryAfterMs: 1_000,
    });
    await Promise.all(taken);
    expect(numbers()).toHaveLength(20_000);
  });

  it('gives the event loop a turn between batches', async () => {
    const order: string[] = [];
    const all = Array.from({ length: 1_000 }, (_, n) => commit.run(() => insert(n)));
    void Promise.all(all).then(() => order.push('all stored'));
    await all[0];
    await new Promise((resolve) => setImmediate(resolve));
    order.push('another turn');
    await Promise.all(all);
    expect(order[0]).toBe('another turn');
  });

  it('commits what waits when it is disposed, and takes nothing more', async () => {
    const waiting = commit.run(() => insert(1));
    commit.runLazily(() => void insert(2));
    commit[Symbol.dispose]();
    await expect(waiting).resolves.toBe(1);
    expect(numbers()).toEqual([1, 2]);
    await expect(commit.run(() => insert(3))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('lazy work', () => {
  it('goes along with the next commit', async () => {
    commit.runLazily(() => void insert(1));
    expect(numbers()).toEqual([]);
    await commit.run(() => insert(2));
    expect(numbers()).toEqual([1, 2]);
    expect(clock.waiting).toBe(0);
  });

  it('is done after 250 ms when nothing else is stored', async () => {
    commit.runLazily(() => void insert(1));
    await clock.advance(249);
    expect(numbers()).toEqual([]);
    await clock.advance(1);
    expect(numbers()).toEqual([1]);
  });

  it('hurts nobody when it fails', async () => {
    commit.runLazily(() => {
      throw new Error('no');
    });
    await expect(commit.run(() => insert(1))).resolves.toBe(1);
    expect(numbers()).toEqual([1]);
  });

  it('is dropped, the oldest first, when there is too much of it', async () => {
    for (let n = 0; n < 10_002; n += 1) commit.runLazily(() => void insert(n));
    for (let round = 0; round < 50; round += 1) await clock.advance(250);
    expect(numbers()).toHaveLength(10_000);
    expect(numbers()[0]).toBe(2);
  });
});
