import { describe, expect, it } from '@jest/globals';
import { Latest } from '@muster/common/queue/latest';
import { ManualClock } from '@muster/testing/manual-clock';
import { runHeartbeatLoop } from './heartbeat-loop.ts';

const PERIOD_MS = 10_000;

function world(draws: readonly number[], ackedAtMs: (nowMs: number) => number | undefined) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const beats: number[] = [];
  let drawn = 0;
  const random = {
    next: () => draws[drawn++ % draws.length] ?? 0,
    bytes: (length: number) => new Uint8Array(length),
  };
  const periodMs = new Latest(PERIOD_MS);
  const lastAckMs = () => ackedAtMs(clock.monotonicMs());
  const beat = () => beats.push(clock.monotonicMs());
  const loop = runHeartbeatLoop({ clock, random, periodMs, lastAckMs, beat }, stop.signal);
  return { clock, stop, beats, loop, periodMs };
}

describe('the heartbeat loop', () => {
  it('P9: beats at once and then every period, give or take a tenth', async () => {
    const { clock, stop, beats, loop } = world([0, 1, 0.5], (nowMs) => nowMs);
    await clock.advance(40_000);
    expect(beats).toEqual([0, 9_000, 20_000, 30_000, 39_000]);
    stop.abort(new Error('enough'));
    await expect(loop).rejects.toThrow('enough');
  });

  it('P11: ends when three periods pass without an answer, counted from the last one', async () => {
    const { clock, loop, beats } = world([0.5], (nowMs) => (nowMs >= 10_000 ? 10_000 : undefined));
    let over = false;
    const ended = loop.then(() => {
      over = true;
    });
    await clock.advance(39_999);
    expect(over).toBe(false);
    await clock.advance(1);
    await ended;
    expect(beats).toEqual([0, 10_000, 20_000, 30_000]);
  });

  it('P9: takes a shorter period at once', async () => {
    const { clock, stop, beats, loop, periodMs } = world([0.5], (nowMs) => nowMs);
    await clock.advance(1_000);
    periodMs.set(2_000);
    await clock.advance(4_000);
    expect(beats).toEqual([0, 3_000, 5_000]);
    stop.abort(new Error('enough'));
    await expect(loop).rejects.toThrow('enough');
  });

  it('P11: counts three periods of a shorter one from its beginning, and not from an answer under the longer one', async () => {
    const { clock, stop, beats, loop, periodMs } = world([0.5], (nowMs) => (nowMs >= 11_000 ? nowMs : 0));
    await clock.advance(9_000);
    periodMs.set(2_000);
    await clock.advance(3_000);
    expect(beats).toEqual([0, 10_000, 12_000]);
    stop.abort(new Error('enough'));
    await expect(loop).rejects.toThrow('enough');
  });
});
