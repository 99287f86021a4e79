import { describe, expect, it } from '@jest/globals';
import { mapBounded } from './map-bounded.ts';

describe('doing the same for many things', () => {
  it('keeps the order and never does more than so many at once', async () => {
    let running = 0;
    let most = 0;
    const results = await mapBounded([5, 4, 3, 2, 1, 0], 2, async (item) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
      running -= 1;
      return item * 10;
    });
    expect(results).toEqual([50, 40, 30, 20, 10, 0]);
    expect(most).toBe(2);
  });

  it('begins nothing more after a failure', async () => {
    const begun: number[] = [];
    const mapping = mapBounded([1, 2, 3], 1, async (item) => {
      begun.push(item);
      if (item === 2) throw new Error('two');
    });
    await expect(mapping).rejects.toThrow('two');
    expect(begun).toEqual([1, 2]);
  });
});
