import { describe, expect, it } from '@jest/globals';
import { StreamCursor } from './stream-cursor.ts';

describe('the cursor of a stream', () => {
  it('counts bytes that were acknowledged before the agent started as known, so that none are owed back', () => {
    const cursor = new StreamCursor();
    cursor.acknowledge(4);
    expect(cursor).toMatchObject({ acked: 4, sent: 4, end: 4, pending: 0, unacked: 0 });
    cursor.observed(6);
    expect(cursor.next(100)).toEqual({ kind: 'read', offset: 4, bytes: 2 });
  });

  it('reports the rest as a gap when the file turns out shorter than what was acknowledged', () => {
    const cursor = new StreamCursor();
    cursor.acknowledge(4);
    expect(cursor.finish(0)).toBe(4);
    expect(cursor.settled).toBe(true);
    expect(cursor.next(100)).toEqual({ kind: 'nothing' });
  });

  it('goes back once when an acknowledgement lies before what was acknowledged', () => {
    const cursor = new StreamCursor();
    cursor.observed(10);
    cursor.advance(10);
    cursor.acknowledge(8);
    cursor.acknowledge(3);
    expect(cursor).toMatchObject({ acked: 3, sent: 3, end: 10 });
    cursor.advance(4);
    cursor.acknowledge(3);
    expect(cursor.sent).toBe(7);
  });
});
