/** Randomness as a port: backoff, jitter and ids take it, so that tests and simulations repeat exactly. */
import { randomBytes } from 'node:crypto';

/** A source of randomness. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `count` fresh random bytes. */
  bytes(count: number): Uint8Array;
}

/** The system's secure source; fit for secrets. */
export const systemRandom: Random = {
  // 48 bits: as many as readUIntBE takes, and exact in a double.
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: (count) => new Uint8Array(randomBytes(count)),
};

/** A repeatable source (mulberry32) for tests and simulations only: 32 bits of state, never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)) };
}
