import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@muster/common/random/random';
import { testRandom } from '@muster/testing/seeded-random';
import { StreamCursor } from './stream-cursor.ts';

/** A cursor on a file of this size of which so much was sent. */
function cursorAt(sizeBytes: number, sentBytes = 0): StreamCursor {
  const cursor = new StreamCursor();
  cursor.observed(sizeBytes);
  cursor.advance(sentBytes);
  return cursor;
}

describe('the cursor of a stream', () => {
  it('has nothing to send before anything was seen, and no end before the run has one', () => {
    const cursor = new StreamCursor();
    expect(cursor).toMatchObject({ acked: 0, sent: 0, end: 0, length: undefined, pending: 0, unacked: 0 });
    expect(cursor.next(100)).toEqual({ kind: 'nothing' });
    expect(cursor.settled).toBe(false);
  });

  it('hands out what is in the file piece by piece, never more than asked for', () => {
    const cursor = cursorAt(10);
    expect(cursor.next(4)).toEqual({ kind: 'read', offset: 0, bytes: 4 });
    cursor.advance(4);
    expect(cursor.next(100)).toEqual({ kind: 'read', offset: 4, bytes: 6 });
    expect(cursor).toMatchObject({ pending: 6, unacked: 4 });
    cursor.advance(6);
    expect(cursor.next(100)).toEqual({ kind: 'nothing' });
    cursor.observed(11);
    expect(cursor.next(100)).toEqual({ kind: 'read', offset: 10, bytes: 1 });
  });

  it.each([0, -5])('hands out nothing where the window has room for %d bytes', (room) => {
    expect(cursorAt(10).next(room)).toEqual({ kind: 'nothing' });
  });

  it('is settled once its run has ended and all of it is acknowledged', () => {
    const cursor = cursorAt(10, 10);
    cursor.acknowledge(10);
    expect(cursor.settled).toBe(false);
    expect(cursor.finish(10)).toBe(10);
    expect(cursor.settled).toBe(true);
  });

  it('of a run without output is settled as soon as the run has ended', () => {
    const cursor = new StreamCursor();
    expect(cursor.finish(0)).toBe(0);
    expect(cursor.settled).toBe(true);
  });

  it('takes at its end what was written since it was last seen', () => {
    const cursor = cursorAt(10, 10);
    expect(cursor.finish(12)).toBe(12);
    expect(cursor.next(100)).toEqual({ kind: 'read', offset: 10, bytes: 2 });
  });

  it('sends again from what is acknowledged when a session begins', () => {
    const cursor = cursorAt(10, 8);
    cursor.acknowledge(3);
    cursor.rewind();
    expect(cursor.next(100)).toEqual({ kind: 'read', offset: 3, bytes: 7 });
  });
});

describe('an acknowledgement', () => {
  it('before the agent has looked at the file counts its bytes as known, so that none are owed back', () => {
    const cursor = new StreamCursor();
    cursor.acknowledge(4);
    expect(cursor).toMatchObject({ acked: 4, sent: 4, end: 4, pending: 0, unacked: 0 });
    cursor.observed(6);
    expect(cursor.next(100)).toEqual({ kind: 'read', offset: 4, bytes: 2 });
  });

  it('moves on over what was rewound, so that stored bytes are not sent again', () => {
    const cursor = cursorAt(10, 8);
    cursor.rewind();
    cursor.acknowledge(5);
    expect(cursor).toMatchObject({ acked: 5, sent: 5 });
  });

  it('that lies before what was acknowledged makes it go back, once for all answers that repeat it', () => {
    const cursor = cursorAt(10, 10);
    cursor.acknowledge(8);
    cursor.acknowledge(3);
    expect(cursor).toMatchObject({ acked: 3, sent: 3, end: 10 });
    cursor.advance(4);
    cursor.acknowledge(3);
    expect(cursor.sent).toBe(7);
  });

  it('that repeats the last one while bytes are under way makes it go back, and while none are changes nothing', () => {
    const cursor = cursorAt(10, 4);
    cursor.acknowledge(4);
    cursor.acknowledge(4);
    expect(cursor).toMatchObject({ acked: 4, sent: 4 });
    cursor.advance(6);
    cursor.acknowledge(4);
    expect(cursor).toMatchObject({ acked: 4, sent: 4 });
  });

  it('that repeats where it went back to is remembered: the bytes may have been dropped a second time', () => {
    const cursor = cursorAt(10, 10);
    cursor.acknowledge(3);
    cursor.acknowledge(3);
    expect(cursor).toMatchObject({ sent: 3, askedAgain: false });
    cursor.advance(7);
    cursor.acknowledge(3);
    expect(cursor).toMatchObject({ sent: 10, askedAgain: true });
    cursor.goBackAgain();
    expect(cursor).toMatchObject({ acked: 3, sent: 3, askedAgain: false });
  });

  it.each<[string, (cursor: StreamCursor) => void]>([
    ['bytes are acknowledged', (cursor) => cursor.acknowledge(4)],
    ['a session begins', (cursor) => cursor.rewind()],
    ['it went back to another place', (cursor) => cursor.acknowledge(1)],
  ])('that was repeated is forgotten when %s', (_what, come) => {
    const cursor = cursorAt(10, 10);
    for (const next of [3, 3]) cursor.acknowledge(next);
    cursor.advance(7);
    cursor.acknowledge(3);
    expect(cursor.askedAgain).toBe(true);
    come(cursor);
    expect(cursor.askedAgain).toBe(false);
  });
});

describe('a file that lost bytes', () => {
  it('is read up to the loss, and the rest is one gap once the run has ended', () => {
    const cursor = cursorAt(10, 2);
    cursor.observed(6);
    expect(cursor.next(100)).toEqual({ kind: 'read', offset: 2, bytes: 4 });
    cursor.advance(4);
    expect(cursor.next(100)).toEqual({ kind: 'nothing' });
    expect(cursor.finish(6)).toBe(10);
    expect(cursor.next(100)).toEqual({ kind: 'gap', offset: 6, bytes: 4 });
    cursor.advance(4);
    cursor.acknowledge(10);
    expect(cursor.settled).toBe(true);
  });

  it('has its gap reported also where the window is full: a gap has no bytes', () => {
    const cursor = cursorAt(10, 10);
    cursor.finish(0);
    cursor.acknowledge(4);
    cursor.acknowledge(3);
    expect(cursor.next(0)).toEqual({ kind: 'gap', offset: 3, bytes: 7 });
  });

  it('stays broken at its lowest size, also when it grows again: the offsets no longer fit', () => {
    const cursor = cursorAt(10);
    for (const sizeBytes of [6, 2, 8, 20]) cursor.observed(sizeBytes);
    expect(cursor.next(100)).toEqual({ kind: 'read', offset: 0, bytes: 2 });
    cursor.advance(2);
    cursor.finish(20);
    expect(cursor.next(100)).toEqual({ kind: 'gap', offset: 2, bytes: 18 });
  });

  it('that is shorter than what was acknowledged owes nothing', () => {
    const cursor = new StreamCursor();
    cursor.acknowledge(4);
    expect(cursor.finish(0)).toBe(4);
    expect(cursor.settled).toBe(true);
    expect(cursor.next(100)).toEqual({ kind: 'nothing' });
  });
});

/** What a session carries one way. */
interface Frame {
  readonly start: number;
  readonly bytes: number;
}

describe('a stream against an orchestrator that drops, repeats and breaks off', () => {
  const { seed } = testRandom();
  it.each(Array.from({ length: 40 }, (_, index) => seed + index))(
    'settles with every byte stored, and never sends beyond its window (seed %d)',
    (each) => {
      const random = seededRandom(each);
      const chance = (probability: number): boolean => random.next() < probability;
      const length = 1 + Math.floor(random.next() * 400);
      const window = 64;
      // A session that never breaks has to get out of everything by itself.
      const breaks = each % 2 === 0;
      const cursor = new StreamCursor();
      const up: Frame[] = [];
      const down: number[] = [];
      let stored = 0;
      let dropped = false;
      let quiet = 0;
      for (let step = 0; !cursor.settled; step += 1) {
        expect(step).toBeLessThan(50_000);
        if (cursor.end < length && chance(0.2)) cursor.observed(Math.min(length, cursor.end + 1 + step));
        else if (cursor.end === length && cursor.length === undefined) cursor.finish(length);
        const piece = cursor.next(Math.min(16, window - cursor.unacked));
        if (piece.kind === 'read' && chance(0.5)) {
          up.push({ start: piece.offset, bytes: piece.bytes });
          cursor.advance(piece.bytes);
        }
        expect(cursor.unacked).toBeLessThanOrEqual(window);
        const frame = chance(0.4) ? up.shift() : undefined;
        if (frame !== undefined) {
          // As LogIntake does it: a dropped stream is silent until there is room, all else is answered.
          if (frame.start <= stored && frame.start + frame.bytes > stored && chance(0.3)) dropped = true;
          else if (!dropped) {
            if (frame.start <= stored) stored = Math.max(stored, frame.start + frame.bytes);
            down.push(stored);
          }
        }
        if (dropped && chance(0.1)) {
          dropped = false;
          down.push(stored);
        }
        const ack = chance(0.4) ? down.shift() : undefined;
        if (ack !== undefined) cursor.acknowledge(ack);
        if (breaks && chance(0.005)) {
          // The next session says where to go on.
          up.length = 0;
          down.length = 0;
          dropped = false;
          cursor.rewind();
          cursor.acknowledge(stored);
        }
        const idle = up.length === 0 && down.length === 0 && !dropped;
        quiet = idle ? quiet + 1 : 0;
        // What was asked for again and did not come within a good while is sent again.
        if (quiet > 20 && cursor.askedAgain) cursor.goBackAgain();
      }
      expect(stored).toBe(length);
    },
  );
});
