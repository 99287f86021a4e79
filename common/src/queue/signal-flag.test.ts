import { describe, expect, it } from '@jest/globals';
import { Wakeup } from './signal-flag.ts';

const never = new AbortController().signal;

describe('a wakeup', () => {
  it('remembers a notice that came before the wait, and counts many as one', async () => {
    const wakeup = new Wakeup();
    wakeup.notify();
    wakeup.notify();
    await wakeup.wait(never);
    let woken = false;
    const second = wakeup.wait(never).then(() => {
      woken = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(woken).toBe(false);
    wakeup.notify();
    await second;
    expect(woken).toBe(true);
  });

  it('rejects with the reason of the abort and keeps the notice for the next', async () => {
    const wakeup = new Wakeup();
    wakeup.notify();
    await expect(wakeup.wait(AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    await wakeup.wait(never);
  });

  it('is not lowered by a waiter that was aborted', async () => {
    const wakeup = new Wakeup();
    const controller = new AbortController();
    const waiting = wakeup.wait(controller.signal);
    controller.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
    wakeup.notify();
    await wakeup.wait(never);
  });
});
