import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing/eventually';
import { faultProxy } from '@muster/testing/fault-proxy';
import { type LeakCheck, startLeakCheck } from '@muster/testing/leak-check';
import { ManualClock } from '@muster/testing/manual-clock';
import { AppError } from '../errors/app-error.ts';
import { bulkyDown, chunk, type DoorEnd, down, openDoor, up } from './agent-door.fixture.ts';

/** Reads to the end; how it ended is the answer. */
async function drain<T>(
  frames: AsyncIterable<T>,
  onFrame: (frame: T) => void | Promise<void> = () => undefined,
): Promise<unknown> {
  try {
    for await (const frame of frames) await onFrame(frame);
    return 'ended';
  } catch (error) {
    return error;
  }
}

/** The door's end of the next stream, once it comes. */
function nextDoorEnd(): { promise: Promise<DoorEnd>; take: (channel: DoorEnd) => void } {
  const { promise, resolve } = Promise.withResolvers<DoorEnd>();
  return { promise, take: resolve };
}

let leaks: LeakCheck;
beforeEach(async () => {
  leaks = await startLeakCheck();
});
afterEach(async () => {
  await leaks.expectNoLeaks();
});

describe('a frame channel', () => {
  it('carries frames both ways in order and ends orderly when both close their half', async () => {
    const doorOutcome = Promise.withResolvers<unknown>();
    await using door = await openDoor(async (channel) => {
      await drain(channel.frames, (frame) => channel.send(down(Number(frame.sequence) * 10)));
      channel.close();
      doorOutcome.resolve(await channel.closed);
    });
    const { channel } = door.dial();
    for (const sequence of [1, 2, 3]) await channel.send(up(sequence));
    channel.close();
    channel.close();
    const got: bigint[] = [];
    expect(await drain(channel.frames, (frame) => void got.push(frame.sequence))).toBe('ended');
    expect(got).toEqual([10n, 20n, 30n]);
    expect(await channel.closed).toBeUndefined();
    expect(await doorOutcome.promise).toBeUndefined();
    await expect(channel.send(up(4))).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('refuses to send after our own close while the other half is open', async () => {
    const end = nextDoorEnd();
    await using door = await openDoor((channel) => end.take(channel));
    const { channel } = door.dial();
    await channel.send(up(1));
    await end.promise;
    channel.close();
    expect(channel.writableNow).toBe(false);
    await expect(channel.send(up(2))).rejects.toMatchObject({ code: 'failed_precondition' });
    channel.abort(new AppError('cancelled', 'test over'));
  });

  it('lets a sender wait while the other side does not read, in bounded memory, and go on when it does', async () => {
    const end = nextDoorEnd();
    await using door = await openDoor((channel) => end.take(channel));
    const { channel, raw } = door.dial();
    const total = 400;
    let sent = 0;
    const sending = (async () => {
      for (let sequence = 1; sequence <= total; sequence += 1) {
        await channel.send(chunk(sequence, 64 * 1024));
        sent = sequence;
      }
      channel.close();
    })();
    const doorEnd = await end.promise;
    let before = -1;
    await eventually(
      () => {
        const still = sent === before;
        before = sent;
        return still && sent > 0;
      },
      { everyMs: 100, what: 'the sender waits' },
    );
    // 16 frames here, 16 at the reader, and what fits in the windows and socket buffers.
    expect(sent).toBeLessThan(200);
    expect(raw.writableLength).toBeLessThanOrEqual(17);
    expect(channel.writableNow).toBe(false);
    let read = 0;
    expect(
      await drain(doorEnd.frames, (frame) => {
        read += 1;
        expect(frame.sequence).toBe(BigInt(read));
      }),
    ).toBe('ended');
    await sending;
    expect(read).toBe(total);
    doorEnd.close();
    expect(await drain(channel.frames)).toBe('ended');
  });

  it('tells the client the reason of the server abort, with its field and retry time', async () => {
    await using door = await openDoor(async (channel) => {
      await drain(channel.frames, () =>
        channel.abort(new AppError('failed_precondition', 'must be hello', { field: 'message', retryAfterMs: 5_000 })),
      );
    });
    const { channel } = door.dial();
    await channel.send(up(1));
    const expected = {
      code: 'failed_precondition',
      field: 'message',
      rawMessage: 'must be hello',
      retryAfterMs: 5_000,
    };
    expect(await drain(channel.frames)).toMatchObject(expected);
    expect(await channel.closed).toMatchObject(expected);
  });

  it('shows the client an incident number where the server aborts with an internal error', async () => {
    await using door = await openDoor((channel) => channel.abort(AppError.from(new Error('secret path /x'))));
    const { channel } = door.dial();
    expect(await drain(channel.frames)).toMatchObject({ code: 'internal', message: 'internal error, id incident-1' });
    expect(door.incidents).toHaveLength(1);
  });

  it('does not report its own abort as a failure, on either side', async () => {
    const end = nextDoorEnd();
    await using door = await openDoor((channel) => end.take(channel));
    const { channel } = door.dial();
    await channel.send(up(1));
    const doorEnd = await end.promise;
    const reading = drain(channel.frames);
    channel.abort(new AppError('cancelled', 'we stop'));
    expect(await reading).toBe('ended');
    expect(await channel.closed).toBeUndefined();
    await expect(channel.send(up(2))).rejects.toThrow('we stop');
    // The far side was not told in words, so for it the stream broke.
    expect(await doorEnd.closed).toMatchObject({ code: 'unavailable' });

    const second = nextDoorEnd();
    await using other = await openDoor((opened) => second.take(opened));
    const client = other.dial();
    await client.channel.send(up(1));
    const otherEnd = await second.promise;
    const doorReading = drain(otherEnd.frames);
    otherEnd.abort(new AppError('aborted', 'fenced by a newer session'));
    expect(await doorReading).toBe('ended');
    expect(await otherEnd.closed).toBeUndefined();
    expect(await drain(client.channel.frames)).toMatchObject({ code: 'aborted' });
  });

  it('keeps our half open when the loop is left early, so that a goodbye still goes out', async () => {
    const got: bigint[] = [];
    const doorOutcome = Promise.withResolvers<unknown>();
    await using door = await openDoor(async (channel) => {
      await channel.send(down(1));
      await channel.send(down(2));
      doorOutcome.resolve(await drain(channel.frames, (frame) => void got.push(frame.sequence)));
      channel.close();
    });
    const { channel } = door.dial();
    for await (const _frame of channel.frames) break;
    await channel.send(up(7));
    channel.close();
    expect(await doorOutcome.promise).toBe('ended');
    expect(got).toEqual([7n]);
    expect(await channel.closed).toBeUndefined();
  });

  it('reports a force shutdown of the server as a failure, and fails senders that wait', async () => {
    const end = nextDoorEnd();
    await using door = await openDoor((channel) => end.take(channel));
    const { channel } = door.dial();
    const sending = (async () => {
      for (let sequence = 1; ; sequence += 1) await channel.send(chunk(sequence, 256 * 1024));
    })().catch((error: unknown) => error);
    await end.promise;
    await eventually(() => !channel.writableNow);
    const reading = drain(channel.frames);
    door.server.forceShutdown();
    expect(await reading).toBeInstanceOf(AppError);
    expect(await channel.closed).toBeInstanceOf(AppError);
    expect(await sending).toBeInstanceOf(AppError);
  });

  it('reports a cut connection as a failure on both sides', async () => {
    const end = nextDoorEnd();
    await using door = await openDoor((channel) => end.take(channel));
    await using proxy = await faultProxy(door);
    const { channel } = door.dial(door.node, proxy.port);
    await channel.send(up(1));
    const doorEnd = await end.promise;
    const readings = [drain(channel.frames), drain(doorEnd.frames)];
    proxy.cut();
    expect(await Promise.all(readings)).toMatchObject([{ code: 'unavailable' }, { code: 'unavailable' }]);
    await expect(doorEnd.send(down(1))).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('resets a client that does not read when its status cannot be delivered within a second', async () => {
    const end = nextDoorEnd();
    const clock = new ManualClock();
    await using door = await openDoor((channel) => end.take(channel), clock);
    const { channel } = door.dial();
    await channel.send(up(1));
    const doorEnd = await end.promise;
    const sends: Promise<unknown>[] = [];
    while (doorEnd.writableNow) sends.push(doorEnd.send(bulkyDown(1, 1024 * 1024)).catch((error: unknown) => error));
    doorEnd.abort(new AppError('permission_denied', 'revoked'));
    expect(await doorEnd.closed).toBeUndefined();
    expect((await Promise.all(sends)).at(-1)).toMatchObject({ code: 'permission_denied' });
    await clock.advance(999);
    expect(clock.waiting).toBe(1);
    await clock.advance(1);
    expect(await channel.closed).toBeInstanceOf(AppError);
  });

  it('reports a stream that broke before anybody read it', async () => {
    const end = nextDoorEnd();
    await using door = await openDoor((channel) => end.take(channel));
    const { channel } = door.dial();
    await channel.send(up(1));
    (await end.promise).abort(new AppError('aborted', 'fenced'));
    expect(await channel.closed).toMatchObject({ code: 'aborted' });
    expect(await drain(channel.frames)).toMatchObject({ code: 'aborted' });
  });

  it('ends a stream whose frame is over the limit, and lives on', async () => {
    const streams: DoorEnd[] = [];
    await using door = await openDoor(async (channel) => {
      streams.push(channel);
      await drain(channel.frames);
      channel.close();
    });
    // An agent of ours refuses to send it; a hostile one does not.
    const { channel } = door.dial(door.node, door.port, { 'grpc.max_send_message_length': -1 });
    const sent = channel.send(chunk(1, 5 * 1024 * 1024)).catch(() => undefined);
    expect(await drain(channel.frames)).toMatchObject({ code: 'resource_exhausted' });
    await sent;
    const second = door.dial();
    await second.channel.send(up(1));
    second.channel.close();
    expect(await drain(second.channel.frames)).toBe('ended');
    expect(streams).toHaveLength(2);
  });
});
