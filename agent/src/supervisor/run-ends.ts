/**
 * Who waits for the end of which run. Level-triggered: a waiter looks at the file first, waits for a notice or a pause,
 * and looks again, so that a lost notice only delays.
 */
import type { Clock } from '@muster/common/clock/clock';

/** A notice comes within a millisecond; only a keeper that was killed gives none, and that may take so long to see. */
const LOOK_AGAIN_MS = 5_000;

/** The waiters. */
export class RunEnds {
  readonly #clock: Clock;
  readonly #waiters = new Map<string, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wakes everybody who waits for this run. */
  notify(id: string): void {
    for (const wake of this.#waiters.get(id) ?? []) wake();
  }

  /** Calls `look` until it gives something. Abort rejects with the signal's reason. */
  async until<T>(id: string, look: () => T | undefined, signal: AbortSignal): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const woken = this.#register(id);
      try {
        const seen = look();
        if (seen !== undefined) return seen;
        await this.#wait(woken.promise, signal);
      } finally {
        woken.unregister();
      }
    }
  }

  #register(id: string): { promise: Promise<void>; unregister: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiters = this.#waiters.get(id) ?? new Set();
    waiters.add(resolve);
    this.#waiters.set(id, waiters);
    const unregister = (): void => {
      waiters.delete(resolve);
      if (waiters.size === 0 && this.#waiters.get(id) === waiters) this.#waiters.delete(id);
    };
    return { promise, unregister };
  }

  /** A notice, the pause, or abort, which rejects. */
  #wait(woken: Promise<void>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const pause = this.#clock.schedule(LOOK_AGAIN_MS, finish, { ref: true });
      const onAbort = (): void => finish(signal.reason);
      function finish(reason?: unknown): void {
        pause[Symbol.dispose]();
        signal.removeEventListener('abort', onAbort);
        if (signal.aborted) reject(reason ?? signal.reason);
        else resolve();
      }
      signal.addEventListener('abort', onAbort, { once: true });
      woken.then(() => finish(), reject);
    });
  }
}
