/**
 * A clock that stands still until a test moves it, and that can wait until the code under test is asleep: tests of
 * time without sleeping.
 */
import type { Clock } from '@muster/common/clock/clock';
import { Waiters } from '@muster/common/queue/waiters';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** Starts at a wall time of 2025-01-01T00:00:00Z and a monotonic time of 0. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>();
  readonly #watchers = new Waiters<void>();
  #wallMs: number;
  #monotonicMs = 0;
  #order = 0;

  constructor(startMs = Date.UTC(2025, 0, 1)) {
    this.#wallMs = startMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Sleepers and timers that wait now. */
  get waiting(): number {
    return this.#timers.size;
  }

  schedule(delayMs: number, fn: () => void): Disposable {
    const timer = { dueMs: this.#monotonicMs + Math.max(delayMs, 0), order: this.#order, fire: fn };
    this.#order += 1;
    this.#timers.add(timer);
    this.#watchers.resolveAll();
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        timer[Symbol.dispose]();
        reject(signal.reason);
      };
      const timer = this.schedule(ms, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * Moves both times on by `ms`, firing what falls due on the way in order; after each, what it woke runs (and may wait
   * anew, and fall due again within the same `ms`).
   */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#monotonicMs + ms;
    await settle();
    for (let next = this.#next(); next !== undefined && next.dueMs <= targetMs; next = this.#next()) {
      await this.#fire(next);
    }
    this.#moveTo(targetMs);
    await settle();
  }

  /** Moves to the next timer and fires it, and those due at the same instant before it re-arms; returns by how many ms. */
  async advanceToNext(): Promise<number> {
    const next = this.#next();
    if (next === undefined) throw new Error('nothing waits on the clock');
    const ms = Math.max(next.dueMs - this.#monotonicMs, 0);
    await this.advance(ms);
    return ms;
  }

  /** Steps the wall clock only, as an administrator or NTP does. */
  stepWallClock(ms: number): void {
    this.#wallMs += ms;
  }

  /** Returns once at least `count` sleepers and timers wait. */
  async waitUntilSleepers(count: number): Promise<void> {
    while (this.#timers.size < count) await this.#watchers.wait();
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      const earlier = first === undefined || timer.dueMs < first.dueMs;
      if (earlier || (timer.dueMs === first?.dueMs && timer.order < first.order)) first = timer;
    }
    return first;
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers.delete(timer);
    this.#moveTo(timer.dueMs);
    timer.fire();
    await settle();
  }

  #moveTo(monotonicMs: number): void {
    const passedMs = Math.max(monotonicMs - this.#monotonicMs, 0);
    this.#monotonicMs += passedMs;
    this.#wallMs += passedMs;
  }
}

/** Lets everything run that waits only for promises. One turn of the event loop drains all microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
