/** Those who wait for something to happen, first come first served; an abort takes its waiter out at once. */

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** A line of promises that the owner settles. */
export class Waiters<T> {
  readonly #line = new Set<Waiter<T>>();

  /** How many wait. */
  get size(): number {
    return this.#line.size;
  }

  /** Joins the line. Rejects with `signal.reason` when aborted, also if it already is. No signal: only the owner ends it. */
  wait(signal?: AbortSignal): Promise<T> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#line.delete(waiter);
        reject(signal?.reason);
      };
      const leave = (): void => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter<T> = {
        resolve: (value) => {
          leave();
          resolve(value);
        },
        reject: (reason) => {
          leave();
          reject(reason);
        },
      };
      this.#line.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Lets the longest waiting go on; false when nobody waits. */
  resolveFirst(value: T): boolean {
    for (const waiter of this.#line) {
      this.#line.delete(waiter);
      waiter.resolve(value);
      return true;
    }
    return false;
  }

  /** Lets all go on. */
  resolveAll(value: T): void {
    while (this.resolveFirst(value)) {
      // each turn takes one out of the line
    }
  }

  /** Fails all. */
  rejectAll(reason: unknown): void {
    for (const waiter of this.#line) {
      this.#line.delete(waiter);
      waiter.reject(reason);
    }
  }
}
