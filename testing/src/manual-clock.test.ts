import { describe, expect, it } from '@jest/globals';
import { ManualClock } from './manual-clock.ts';

const never = new AbortController().signal;

describe('the manual clock', () => {
  it('stands still until it is advanced, then moves both times', async () => {
    const clock = new ManualClock(1_000);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1_000, 0]);
    await clock.advance(5);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1_005, 5]);
    clock.stepWallClock(-500);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([505, 5]);
  });

  it('fires what falls due in order, equal times in the order they were set', async () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    clock.schedule(20, () => fired.push('late'));
    clock.schedule(10, () => fired.push('first'));
    clock.schedule(10, () => fired.push('second'));
    clock.schedule(30, () => fired.push('never'));
    await clock.advance(20);
    expect(fired).toEqual(['first', 'second', 'late']);
    expect(clock.waiting).toBe(1);
  });

  it('lets a loop that sleeps again and again run through one advance', async () => {
    const clock = new ManualClock();
    const at: number[] = [];
    const controller = new AbortController();
    const loop = (async () => {
      for (;;) {
        await clock.sleep(10, controller.signal);
        at.push(clock.monotonicMs());
      }
    })();
    await clock.advance(35);
    expect(at).toEqual([10, 20, 30]);
    controller.abort(new Error('done'));
    await expect(loop).rejects.toThrow('done');
    expect(clock.waiting).toBe(0);
  });

  it('jumps to the next timer and says how far, and fails when there is none', async () => {
    const clock = new ManualClock();
    const sleep = clock.sleep(70, never);
    expect(await clock.advanceToNext()).toBe(70);
    await sleep;
    await expect(clock.advanceToNext()).rejects.toThrow('nothing waits');
  });

  it('tells when enough sleepers wait', async () => {
    const clock = new ManualClock();
    let ready = false;
    const waiting = clock.waitUntilSleepers(2).then(() => {
      ready = true;
    });
    const first = clock.sleep(1, never);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ready).toBe(false);
    const second = clock.sleep(1, never);
    await waiting;
    await clock.advance(1);
    await Promise.all([first, second]);
  });

  it('rejects a sleep at once when its signal is aborted already, and forgets a disposed timer', async () => {
    const clock = new ManualClock();
    await expect(clock.sleep(1, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    clock
      .schedule(1, () => {
        throw new Error('must not fire');
      })
      [Symbol.dispose]();
    await clock.advance(2);
  });
});
