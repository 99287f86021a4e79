import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { LogDataSchema, LogMissingSchema } from '@muster/gen/muster/control/v1/job_service_pb';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import fc from 'fast-check';
import { LogPositions } from './log-positions.ts';

/** A reason that only a newer orchestrator knows. */
const FROM_LATER: number = 99;
const source = { attemptId: 'a', run: 1, taskIndex: 0, nodeName: 'n' };

function take(positions: LogPositions, offset: number, text: string, stream = OutputStream.STDOUT): string {
  const bytes = positions.take(
    create(LogDataSchema, { source, stream, offsetBytes: BigInt(offset), data: Buffer.from(text) }),
  );
  return Buffer.from(bytes ?? []).toString();
}

describe('LogPositions', () => {
  it('drops what was seen, whole or in part, per stream', () => {
    const positions = new LogPositions();
    expect(take(positions, 0, 'abc')).toBe('abc');
    expect(take(positions, 0, 'ab')).toBe('');
    expect(take(positions, 1, 'bcde')).toBe('de');
    expect(take(positions, 0, 'abc', OutputStream.STDERR)).toBe('abc');
    expect(positions.toRequest()).toEqual([
      { attemptId: 'a', run: 1, stream: OutputStream.STDOUT, offsetBytes: 5n },
      { attemptId: 'a', run: 1, stream: OutputStream.STDERR, offsetBytes: 3n },
    ]);
  });

  it('names a gap once, though it is told again after a reconnect', () => {
    const positions = new LogPositions();
    const gap = create(LogMissingSchema, {
      source,
      stream: OutputStream.STDOUT,
      offsetBytes: 0n,
      lengthBytes: 4n,
      reason: FROM_LATER,
    });
    positions.takeMissing(gap);
    positions.takeMissing(gap);
    expect(take(positions, 4, 'x')).toBe('x');
    expect(positions.gaps()).toEqual(['4 bytes of stdout of task 0 on n are gone, from byte 0 on (unknown (99))']);
  });

  it('never hides that bytes were skipped', () => {
    const positions = new LogPositions();
    take(positions, 10, 'x');
    expect(positions.gaps()[0]).toContain('10 bytes of stdout');
  });

  it('gives each byte once and in order, however a stream is cut and repeated', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 50 }), fc.array(fc.tuple(fc.nat(60), fc.nat(20))), (text, pieces) => {
        const bytes = Buffer.from(text, 'latin1');
        const positions = new LogPositions();
        let got = '';
        let reached = 0;
        // A server may begin anywhere up to where we are, never beyond.
        for (const [back, length] of [...pieces, [0, bytes.length] as const]) {
          const from = Math.max(0, reached - back);
          const piece = bytes.subarray(from, from + length).toString('latin1');
          const taken = positions.take(
            create(LogDataSchema, {
              source,
              stream: OutputStream.STDOUT,
              offsetBytes: BigInt(from),
              data: Buffer.from(piece, 'latin1'),
            }),
          );
          got += Buffer.from(taken ?? []).toString('latin1');
          reached = Math.max(reached, from + piece.length);
        }
        expect(got).toBe(bytes.toString('latin1'));
        expect(positions.gaps()).toEqual([]);
      }),
    );
  });
});
