/**
 * Time as a port, so that tests move it by hand. The only file that touches Date and timers.
 * Deadlines and periods are measured on the monotonic clock; the wall clock is for showing and for records.
 */
import { performance } from 'node:perf_hooks';
import { AppError } from '../errors/app-error.ts';

/** How a timer behaves. */
export interface ScheduleOptions {
  /** Whether the timer keeps the process alive. Default false. */
  readonly ref?: boolean;
}

/** Time, as everything that waits or stamps sees it. */
export interface Clock {
  /** Wall time in milliseconds since the epoch. May jump: never measure with it. */
  nowMs(): number;
  /** Milliseconds since some fixed point of this process; never goes back. */
  monotonicMs(): number;
  /** Waits; keeps the process alive meanwhile. Rejects with `signal.reason` when aborted, also if it already is. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `fn` once after `delayMs`; disposing cancels. By default it does not keep the process alive. */
  schedule(delayMs: number, fn: () => void, options?: ScheduleOptions): Disposable;
}

/** Longest delay setTimeout takes, 2^31-1 ms (24.8 days); a longer one would fire at once, so we wait in pieces. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

/** The real clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        timer[Symbol.dispose]();
        reject(signal.reason);
      };
      const onTime = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const timer = systemClock.schedule(ms, onTime, { ref: true });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  },
  schedule(delayMs, fn, options = {}) {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    const arm = (restMs: number): void => {
      timer = setTimeout(fire, Math.min(Math.max(restMs, 0), LONGEST_TIMER_MS));
      if (options.ref !== true) timer.unref();
    };
    const fire = (): void => {
      const restMs = dueMs - performance.now();
      // Under one piece setTimeout is exact enough (it may fire a fraction of a millisecond early).
      if (delayMs > LONGEST_TIMER_MS && restMs > 1) arm(restMs);
      else fn();
    };
    arm(delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/**
 * A signal that also aborts after `ms`, then with an AppError `deadline_exceeded`. Dispose it when the waited-for thing
 * has ended, or the timer stays.
 */
export function withDeadline(clock: Clock, ms: number, signal: AbortSignal): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const timer = clock.schedule(ms, () => {
    controller.abort(new AppError('deadline_exceeded', `not done within ${ms} ms`));
  });
  const onAbort = (): void => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
    },
  };
}
