import { describe, expect, it } from '@jest/globals';
import { Windows } from './windows.ts';

const out = { attemptId: 'a', run: 1, stream: 'stdout' } as const;
const err = { ...out, stream: 'stderr' } as const;
const limits = { nodeWindowBytes: 150, streamWindowBytes: 100 };

describe('windows', () => {
  it('take as much as a stream may have unacknowledged, and not a byte more', () => {
    const windows = new Windows(limits);
    expect(windows.received(out, 0, 100)).toBe('within');
    expect(windows.received(out, 100, 1)).toBe('over_stream');
  });

  it('take as much as a node may have unacknowledged over all its streams', () => {
    const windows = new Windows(limits);
    expect(windows.received(out, 0, 100)).toBe('within');
    expect(windows.received(err, 7, 50)).toBe('within');
    expect(windows.received(err, 57, 1)).toBe('over_node');
  });

  it('are given back by acknowledgements, in part too, and keep nothing of a stream that is settled', () => {
    const windows = new Windows(limits);
    windows.received(out, 0, 100);
    windows.acknowledged(out, 60);
    expect(windows.heldBytes).toBe(40);
    expect(windows.received(out, 100, 60)).toBe('within');
    windows.acknowledged(out, 160);
    expect([windows.heldBytes, windows.openStreams]).toEqual([0, 0]);
  });

  it('count a byte that comes twice once', () => {
    const windows = new Windows(limits);
    windows.received(out, 0, 80);
    expect(windows.received(out, 40, 60)).toBe('within');
    expect(windows.heldBytes).toBe(100);
  });

  it('do not count what begins beyond the end of its stream, because that is dropped', () => {
    const windows = new Windows(limits);
    windows.received(out, 0, 10);
    expect(windows.received(out, 500, 100)).toBe('within');
    expect(windows.heldBytes).toBe(10);
  });

  it('begin anew where the node is sent back to before all that it sent', () => {
    const windows = new Windows(limits);
    windows.received(out, 1_000, 90);
    windows.acknowledged(out, 0);
    expect(windows.heldBytes).toBe(0);
    expect(windows.received(out, 0, 100)).toBe('within');
    expect(windows.received(out, 100, 100)).toBe('over_stream');
  });

  it('do not count a gap', () => {
    const windows = new Windows(limits);
    windows.received(out, 0, 50);
    windows.gap(out, 50, 1_000_000);
    expect(windows.received(out, 1_000_050, 50)).toBe('within');
    expect(windows.heldBytes).toBe(100);
    windows.acknowledged(out, 1_000_060);
    expect(windows.heldBytes).toBe(40);
  });
});
