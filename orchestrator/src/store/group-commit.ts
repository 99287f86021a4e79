// Group commit: what is asked for within one turn of the event loop becomes one transaction and one sync of the disk.
// Callers learn of their result only after COMMIT. A function that throws spoils nobody else: its batch is rolled back and done again with a
// savepoint around each function, so the functions must change nothing but the database. Broken storage fails the whole batch, and only that.
import type { Clock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';
import type { Database } from 'better-sqlite3';
import { storageFailureOf, storeErrorOf } from './storage-error.ts';

/** Does its part of the transaction and returns what to do after COMMIT. */
type Part = () => () => void;

interface Waiting {
  readonly part: Part;
  readonly reject: (error: AppError) => void;
}

/** Most operations of one transaction: about 10 ms at 40 µs each, so that heartbeats are not kept waiting. */
const BATCH = 256;
/** Most operations that wait; more are refused. Ten seconds of full load on a slow disk. */
const CAPACITY = 20_000;
/** Most pieces of work that are not urgent; the oldest is dropped. */
const LAZY_CAPACITY = 10_000;
/** How long work that is not urgent waits for a commit to go along with. */
const LAZY_DELAY_MS = 250;
/** What a refused caller is told to wait. */
const RETRY_AFTER_MS = 1_000;

/** Runs functions in shared transactions. Disposing commits what waits and refuses what comes. */
export class GroupCommit implements Disposable {
  readonly #client: Database;
  readonly #clock: Clock;
  readonly #statements;
  #waiting: Waiting[] = [];
  #lazy: (() => void)[] = [];
  #lazyTimer: Disposable | undefined;
  #scheduled = false;
  #closed = false;

  constructor(client: Database, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#statements = {
      begin: client.prepare('BEGIN IMMEDIATE'),
      commit: client.prepare('COMMIT'),
      rollback: client.prepare('ROLLBACK'),
      savepoint: client.prepare('SAVEPOINT part'),
      release: client.prepare('RELEASE part'),
      undo: client.prepare('ROLLBACK TO part'),
    };
  }

  /**
   * Resolves with what `work` returned, once it is durable. `work` is synchronous, may run twice, and changes nothing but the database.
   * @throws AppError what work threw; resource_exhausted or unavailable when nothing could be stored, and a later call may work again
   */
  run<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new AppError('unavailable', 'the orchestrator is stopping'));
    if (this.#waiting.length >= CAPACITY) {
      const message = `the store is overloaded: ${CAPACITY} changes wait; try again`;
      return Promise.reject(new AppError('resource_exhausted', message, { retryAfterMs: RETRY_AFTER_MS }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const part = (): (() => void) => {
      const result = work();
      return () => resolve(result);
    };
    this.#waiting.push({ part, reject });
    this.#schedule();
    return promise;
  }

  /** Does `work` with one of the next commits. Nobody learns whether it was stored: of too many the oldest are dropped. */
  runLazily(work: () => void): void {
    if (this.#closed) return;
    this.#lazy.push(work);
    if (this.#lazy.length > LAZY_CAPACITY) this.#lazy.shift();
    this.#scheduleLazy();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    while (this.#waiting.length > 0 || this.#lazy.length > 0) this.#commitBatch();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#commitBatch();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #scheduleLazy(): void {
    this.#lazyTimer ??= this.#clock.schedule(LAZY_DELAY_MS, () => {
      this.#lazyTimer = undefined;
      this.#commitBatch();
      if (this.#lazy.length > 0) this.#scheduleLazy();
    });
  }

  #takeBatch(): Waiting[] {
    const batch = this.#waiting.splice(0, BATCH);
    const lazy = this.#lazy.splice(0, BATCH);
    for (const work of lazy) batch.push({ part: lazyPart(work), reject: ignore });
    if (this.#lazy.length === 0) {
      this.#lazyTimer?.[Symbol.dispose]();
      this.#lazyTimer = undefined;
    }
    return batch;
  }

  #commitBatch(): void {
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    try {
      settle(this.#transaction(batch));
    } catch (error) {
      const failure = storageFailureOf(error) ?? storeErrorOf(error);
      for (const waiting of batch) waiting.reject(failure);
    }
  }

  #transaction(batch: readonly Waiting[]): readonly (() => void)[] {
    try {
      return this.#together(batch);
    } catch (error) {
      if (storageFailureOf(error) !== undefined || batch.length === 1) throw error;
      return this.#oneByOne(batch);
    }
  }

  #together(batch: readonly Waiting[]): readonly (() => void)[] {
    return this.#inTransaction(() => batch.map((waiting) => waiting.part()));
  }

  #oneByOne(batch: readonly Waiting[]): readonly (() => void)[] {
    return this.#inTransaction(() => batch.map((waiting) => this.#inSavepoint(waiting)));
  }

  #inTransaction(work: () => (() => void)[]): readonly (() => void)[] {
    this.#statements.begin.run();
    try {
      const results = work();
      this.#statements.commit.run();
      return results;
    } catch (error) {
      // SQLite ends the transaction itself where storage broke.
      if (this.#client.inTransaction) this.#statements.rollback.run();
      throw error;
    }
  }

  #inSavepoint(waiting: Waiting): () => void {
    this.#statements.savepoint.run();
    try {
      const result = waiting.part();
      this.#statements.release.run();
      return result;
    } catch (error) {
      if (storageFailureOf(error) !== undefined || !this.#client.inTransaction) throw error;
      this.#statements.undo.run();
      this.#statements.release.run();
      return () => waiting.reject(storeErrorOf(error));
    }
  }
}

function settle(results: readonly (() => void)[]): void {
  for (const result of results) result();
}

function lazyPart(work: () => void): Part {
  return () => {
    work();
    return ignore;
  };
}

function ignore(): void {}
