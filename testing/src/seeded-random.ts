/** Randomness that repeats, with its seed printed on failure: set MUSTER_SEED to run the same again. */
import { type Random, seededRandom } from '@muster/common/random/random';

/** A repeatable source and the seed that makes it again. */
export interface Seeded {
  readonly seed: number;
  readonly random: Random;
}

/** A source from MUSTER_SEED, or from a fresh seed; show `seed` in whatever fails. */
export function testRandom(): Seeded {
  const given = Number(process.env['MUSTER_SEED'] ?? Number.NaN);
  const seed = Number.isSafeInteger(given) ? given : Math.floor(Math.random() * 2 ** 32);
  return { seed, random: seededRandom(seed) };
}
