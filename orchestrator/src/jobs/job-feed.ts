// Who wants to know that a job changed. A watcher gets ids, never copies of jobs: it reads the newest from the store when it is ready,
// so a slow watcher costs a set of ids, and many changes of one job count as one.

import type { JobId } from '@muster/common/ids/ids';
import { Wakeup } from '@muster/common/queue/signal-flag';

/** Beyond this many changed jobs a watcher is told to look at everything instead; 100,000 ids are some 10 MB. */
const MOST_PENDING = 100_000;

/** What a watcher finds: ids of changed jobs, or that it must look at everything. */
export type Changes = { readonly kind: 'jobs'; readonly ids: ReadonlySet<JobId> } | { readonly kind: 'resync' };

/** One watcher. Dispose it, or it stays. */
export interface JobWatch extends Disposable {
  /** Whether something changed since the last call of `next`, which then has its answer. */
  readonly pending: boolean;
  /** Resolves with what changed since the last call, once something did. Rejects with the signal's reason when aborted. */
  next(signal: AbortSignal): Promise<Changes>;
}

export class JobFeed {
  readonly #all = new Set<Watcher>();
  readonly #byJob = new Map<JobId, Set<Watcher>>();

  /** Tells the watchers of a job, and those of all jobs, that it changed. Never throws, never waits. */
  notify(id: JobId): void {
    for (const watcher of this.#byJob.get(id) ?? []) watcher.note(id);
    for (const watcher of this.#all) watcher.note(id);
  }

  /** Watches these jobs, or all when undefined. What changes from now on is seen. */
  watch(ids: readonly JobId[] | undefined): JobWatch {
    const watcher = new Watcher();
    if (ids === undefined) this.#all.add(watcher);
    else for (const id of ids) this.#watchersOf(id).add(watcher);
    return {
      get pending() {
        return watcher.pending;
      },
      next: (signal) => watcher.next(signal),
      [Symbol.dispose]: () => this.#remove(watcher, ids),
    };
  }

  /** How many watchers there are. */
  get size(): number {
    return new Set([this.#all, ...this.#byJob.values()].flatMap((watchers) => [...watchers])).size;
  }

  #watchersOf(id: JobId): Set<Watcher> {
    const existing = this.#byJob.get(id);
    if (existing !== undefined) return existing;
    const fresh = new Set<Watcher>();
    this.#byJob.set(id, fresh);
    return fresh;
  }

  #remove(watcher: Watcher, ids: readonly JobId[] | undefined): void {
    this.#all.delete(watcher);
    for (const id of ids ?? []) {
      const watchers = this.#byJob.get(id);
      watchers?.delete(watcher);
      if (watchers?.size === 0) this.#byJob.delete(id);
    }
  }
}

class Watcher {
  readonly #wakeup = new Wakeup();
  #pending = new Set<JobId>();
  #resync = false;

  get pending(): boolean {
    return this.#pending.size > 0 || this.#resync;
  }

  note(id: JobId): void {
    if (this.#pending.size >= MOST_PENDING) {
      this.#resync = true;
      this.#pending.clear();
    }
    if (!this.#resync) this.#pending.add(id);
    this.#wakeup.notify();
  }

  async next(signal: AbortSignal): Promise<Changes> {
    while (!this.pending) await this.#wakeup.wait(signal);
    const ids = this.#pending;
    const resync = this.#resync;
    this.#pending = new Set();
    this.#resync = false;
    return resync ? { kind: 'resync' } : { kind: 'jobs', ids };
  }
}
