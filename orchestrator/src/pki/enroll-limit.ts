// Slows down whoever tries join tokens: one enrolment a second per source address, twenty at once. A token's secret can
// not be guessed; this bounds the signatures that a stranger can make us compute.
import type { Clock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';

const PER_SECOND = 1;
const BURST = 20;
/** Addresses remembered at once; beyond it the longest silent one is forgotten, which at worst gives it a fresh burst. */
const MOST_SOURCES = 10_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A token bucket per source address, bounded in number. */
export class EnrollLimit {
  readonly #clock: Clock;
  // In order of last use: a bucket that is touched moves to the end.
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts one enrolment from an address.
   * @throws AppError resource_exhausted with the time until the next is allowed
   */
  take(address: string): void {
    const source = sourceOf(address);
    const bucket = this.#refilled(source);
    if (bucket.tokens < 1) {
      const retryAfterMs = Math.ceil(((1 - bucket.tokens) / PER_SECOND) * 1000);
      throw new AppError('resource_exhausted', 'too many enrolments from this address; try again in a moment', {
        retryAfterMs,
      });
    }
    bucket.tokens -= 1;
  }

  #refilled(source: string): Bucket {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#buckets.get(source) ?? { tokens: BURST, atMs: nowMs };
    const tokens = Math.min(BURST, known.tokens + ((nowMs - known.atMs) / 1000) * PER_SECOND);
    const bucket = { tokens, atMs: nowMs };
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MOST_SOURCES && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}

/** IPv6 users own whole /64 networks: those count as one source. */
function sourceOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::')
    ? Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
    : [];
  return [...left, ...zeros, ...right].slice(0, 4).join(':');
}
