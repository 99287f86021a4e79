import { describe, expect, it } from '@jest/globals';
import { type Random, seededRandom } from '../random/random.ts';
import { defaultBackoff, fullJitterMs, makeBackoff, windowMs } from './backoff.ts';

const half: Random = { next: () => 0.5, bytes: (count) => new Uint8Array(count) };

describe('backoff', () => {
  it('doubles its window up to the greatest', () => {
    const windows = Array.from({ length: 9 }, (_, attempt) => windowMs(attempt, defaultBackoff));
    expect(windows).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(windowMs(5_000, defaultBackoff)).toBe(30_000);
  });

  it('waits a uniform part of the window, from zero up', () => {
    const random = seededRandom(11);
    const waits = Array.from({ length: 4_000 }, () => fullJitterMs(2, defaultBackoff, random));
    expect(Math.min(...waits)).toBeLessThan(10);
    expect(Math.max(...waits)).toBeGreaterThan(990);
    expect(Math.max(...waits)).toBeLessThan(1_000);
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    expect(mean).toBeGreaterThan(470);
    expect(mean).toBeLessThan(530);
  });

  it('gives each try a window of its own: wait and rest make it whole', () => {
    const backoff = makeBackoff(defaultBackoff, seededRandom(12));
    const wholes = Array.from({ length: 4 }, () => {
      const { waitMs, restMs } = backoff.nextWindow();
      return Math.round(waitMs + restMs);
    });
    expect(wholes).toEqual([250, 500, 1_000, 2_000]);
  });

  it('begins anew after reset', () => {
    const backoff = makeBackoff(defaultBackoff, half);
    expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([125, 250, 500]);
    backoff.reset();
    expect(backoff.next()).toBe(125);
  });
});
