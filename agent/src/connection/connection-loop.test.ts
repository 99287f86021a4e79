import { describe, expect, it } from '@jest/globals';
import { defaultBackoff, makeBackoff } from '@muster/common/backoff/backoff';
import { AppError } from '@muster/common/errors/app-error';
import { GoodbyeReason } from '@muster/gen/muster/agent/v1/session_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { ManualClock } from '@muster/testing/manual-clock';
import { runConnectionLoop } from './connection-loop.ts';
import type { Connection } from './dial.ts';
import type { SessionEnd } from './session-end.ts';

/** Always the longest wait of its window, less a rounding error. */
const longest = { next: () => 1 - Number.EPSILON, bytes: (length: number) => new Uint8Array(length) };

/** A stream that is never looked at: the sessions of these tests are decided by the test. */
const connection: Connection = {
  channel: {
    frames: {
      async *[Symbol.asyncIterator]() {
        // Nothing comes.
      },
    },
    send: () => Promise.resolve(),
    writableNow: true,
    close() {
      // There is nothing to close.
    },
    abort() {
      // There is nothing to end.
    },
    closed: Promise.resolve(undefined),
  },
  [Symbol.dispose]() {
    // There is nothing to close.
  },
};

const broken: SessionEnd = { kind: 'broken', failure: new AppError('unavailable', 'nobody answers') };

/** Runs sessions that end as listed, one after the other; returns the waits between them in milliseconds, and the addresses. */
async function waitsOf(ends: readonly { readonly end: SessionEnd; readonly healthy?: boolean }[]) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const dialled: string[] = [];
  let session = 0;
  const loop = runConnectionLoop(
    {
      dial(address) {
        dialled.push(address);
        return connection;
      },
      addresses: ['one:7443', 'two:7443'],
      backoff: makeBackoff(defaultBackoff, longest),
      clock,
      logger: captureLogs().logger,
      runSession(_connection, healthy) {
        const next = ends[session];
        session += 1;
        if (next?.healthy === true) healthy();
        return Promise.resolve(next?.end ?? { kind: 'stopped' });
      },
    },
    stop.signal,
  );
  const waits: number[] = [];
  for (const _ of ends) {
    await clock.waitUntilSleepers(1);
    waits.push(Math.round(await clock.advanceToNext()));
  }
  await loop;
  return { waits, dialled };
}

describe('the connection loop', () => {
  it('P5: waits longer after each failure, from 0.25 s up to 30 s, and tries the addresses in turn', async () => {
    const { waits, dialled } = await waitsOf(Array.from({ length: 9 }, () => ({ end: broken })));
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(dialled.slice(0, 3)).toEqual(['one:7443', 'two:7443', 'one:7443']);
  });

  it('P5: begins anew with short waits after a session whose heartbeat was acknowledged, and after no other', async () => {
    const failures = [{ end: broken }, { end: broken }, { end: broken, healthy: true }, { end: broken }];
    expect((await waitsOf(failures)).waits).toEqual([250, 500, 250, 500]);
  });

  it('P5: comes back after exactly retry_after where the goodbye names it', async () => {
    const goodbye = {
      kind: 'they_left',
      reason: GoodbyeReason.SHUTDOWN,
      message: 'later',
      retryAfterMs: 4_321,
    } as const;
    const unnamed = { ...goodbye, retryAfterMs: undefined };
    expect((await waitsOf([{ end: goodbye }, { end: unnamed }])).waits).toEqual([4_321, 250]);
  });
});
