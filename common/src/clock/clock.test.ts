import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@muster/testing/manual-clock';
import { isAppError } from '../errors/app-error.ts';
import { systemClock, withDeadline } from './clock.ts';

describe('the system clock', () => {
  it('sleeps for about as long as asked', async () => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(15, new AbortController().signal);
    expect(systemClock.monotonicMs() - before).toBeGreaterThanOrEqual(13);
  });

  it('rejects a sleep with the reason of the abort, also of one that came before', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleep).rejects.toBe(reason);
    await expect(systemClock.sleep(60_000, controller.signal)).rejects.toBe(reason);
  });

  it('leaves no timer behind when a sleep is aborted', async () => {
    const count = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = count();
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal);
    expect(count()).toBe(before + 1);
    controller.abort(new Error('enough'));
    await expect(sleep).rejects.toThrow('enough');
    expect(count()).toBe(before);
  });

  it('does not fire a timer of months at once', async () => {
    let fired = false;
    using _timer = systemClock.schedule(90 * 86_400_000, () => {
      fired = true;
    });
    await systemClock.sleep(10, new AbortController().signal);
    expect(fired).toBe(false);
  });

  it('does not call what was disposed', async () => {
    let fired = false;
    systemClock
      .schedule(1, () => {
        fired = true;
      })
      [Symbol.dispose]();
    await systemClock.sleep(5, new AbortController().signal);
    expect(fired).toBe(false);
  });
});

describe('withDeadline', () => {
  it('aborts with deadline_exceeded once the time is over', async () => {
    const clock = new ManualClock();
    using deadline = withDeadline(clock, 1_000, new AbortController().signal);
    await clock.advance(999);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(isAppError(deadline.signal.reason, 'deadline_exceeded')).toBe(true);
  });

  it('passes on the reason of the signal it joins, also when that came first', () => {
    const reason = new Error('stopped');
    using deadline = withDeadline(new ManualClock(), 1_000, AbortSignal.abort(reason));
    expect(deadline.signal.reason).toBe(reason);
    const later = new AbortController();
    using second = withDeadline(new ManualClock(), 1_000, later.signal);
    later.abort(reason);
    expect(second.signal.reason).toBe(reason);
  });

  it('leaves no timer when it is disposed', () => {
    const clock = new ManualClock();
    withDeadline(clock, 1_000, new AbortController().signal)[Symbol.dispose]();
    expect(clock.waiting).toBe(0);
  });
});
