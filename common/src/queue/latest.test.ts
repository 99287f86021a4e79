import { describe, expect, it } from '@jest/globals';
import { Latest } from './latest.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a watched value', () => {
  it('wakes who waits for a change, with the newest value', async () => {
    const latest = new Latest(1);
    const changed = latest.changed(new AbortController().signal);
    latest.set(2);
    latest.set(3);
    expect(await changed).toBe(3);
    expect(latest.value).toBe(3);
  });

  it('folds changes that come during the loop body into one and misses none', async () => {
    const latest = new Latest(0);
    const controller = new AbortController();
    const seen: number[] = [];
    const loop = (async () => {
      for await (const value of latest.changes(controller.signal)) {
        seen.push(value);
        if (value === 1) {
          latest.set(2);
          latest.set(3);
        }
      }
    })();
    await turn();
    latest.set(1);
    await turn();
    expect(seen).toEqual([1, 3]);
    controller.abort(new Error('done'));
    await expect(loop).rejects.toThrow('done');
  });

  it('rejects who waits with the reason of the abort', async () => {
    const controller = new AbortController();
    const changed = new Latest('a').changed(controller.signal);
    controller.abort(new Error('stop'));
    await expect(changed).rejects.toThrow('stop');
  });
});
