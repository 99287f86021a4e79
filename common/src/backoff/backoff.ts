/**
 * The one backoff of the product: exponential with full jitter. Pure; whoever uses it does the waiting.
 * Full jitter, because after an outage of the orchestrator thousands of agents come back at once, and only a uniform
 * draw over the whole window spreads them evenly.
 */
import type { Random } from '../random/random.ts';

/** The bounds of the window, in milliseconds. */
export interface BackoffOptions {
  /** Width of the first window. Default 250. */
  readonly minMs: number;
  /** Width that no window exceeds. Default 30 000. */
  readonly maxMs: number;
}

/** 250 ms hides a blip from a user; 30 s spreads 15 000 agents to the 500 full handshakes/s that one core takes. */
export const defaultBackoff: BackoffOptions = { minMs: 250, maxMs: 30_000 };

/** One window: wait `waitMs`, try, and after a failed try wait `restMs`, so that each try has a window of its own. */
export interface BackoffWindow {
  readonly waitMs: number;
  readonly restMs: number;
}

/** Counts failed tries and tells how long to wait before the next. */
export interface Backoff {
  /** The wait before the next try, uniform in [0, window). Grows the window. */
  next(): number;
  /** The same, with the rest of the window to wait after a try that failed at once. */
  nextWindow(): BackoffWindow;
  /** Begins anew. Call it on the first healthy frame, not on connect: a server may accept and then fail every time. */
  reset(): void;
}

/** Width of the window of a try, in milliseconds: min·2^attempt, at most max. `attempt` counts from 0. */
export function windowMs(attempt: number, options: BackoffOptions): number {
  return Math.min(options.maxMs, options.minMs * 2 ** attempt);
}

/** A wait uniform in [0, window of this attempt), in milliseconds. `attempt` counts from 0. */
export function fullJitterMs(attempt: number, options: BackoffOptions, random: Random): number {
  return random.next() * windowMs(attempt, options);
}

/** A backoff that starts with the first window. */
export function makeBackoff(options: BackoffOptions, random: Random): Backoff {
  let attempt = 0;
  const nextWindow = (): BackoffWindow => {
    const waitMs = fullJitterMs(attempt, options, random);
    const restMs = windowMs(attempt, options) - waitMs;
    attempt += 1;
    return { waitMs, restMs };
  };
  return {
    next: () => nextWindow().waitMs,
    nextWindow,
    reset: () => {
      attempt = 0;
    },
  };
}
