import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@muster/testing/manual-clock';
import { isAppError } from '../errors/app-error.ts';
import { type Random, seededRandom } from '../random/random.ts';
import {
  asApiKeyId,
  asAttemptId,
  asJobId,
  asJoinTokenId,
  asLedgerId,
  asNodeId,
  asProcessId,
  asSessionId,
  isUlid,
  makeIds,
} from './ids.ts';

/** The instant in an id: its first ten digits, in the base and the order that the ULID's specification names. */
function ulidTimeMs(ulid: string): number {
  const digits = [...ulid.slice(0, 10)].map((letter) => '0123456789abcdefghjkmnpqrstvwxyz'.indexOf(letter));
  return digits.reduce((ms, digit) => ms * 32 + digit, 0);
}

const allOnes: Random = { next: () => 0, bytes: (count) => new Uint8Array(count).fill(255) };

describe('ids', () => {
  it('are 26 lowercase characters that sort by time', async () => {
    const clock = new ManualClock();
    const ids = makeIds(clock, seededRandom(1));
    const first = ids.next();
    await clock.advance(1);
    const second = ids.next();
    expect(first).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
    expect(second > first).toBe(true);
    expect(ulidTimeMs(second)).toBe(clock.nowMs());
  });

  it('grow strictly within one millisecond and when the wall clock steps back', () => {
    const clock = new ManualClock();
    const ids = makeIds(clock, seededRandom(2));
    const made = Array.from({ length: 1000 }, () => ids.next());
    clock.stepWallClock(-60_000);
    made.push(ids.next());
    expect([...made].sort()).toEqual(made);
    expect(new Set(made).size).toBe(made.length);
  });

  it('borrow the next millisecond when the random part overflows', () => {
    const clock = new ManualClock();
    const ids = makeIds(clock, allOnes);
    const first = ids.next();
    const second = ids.next();
    expect(second > first).toBe(true);
    expect(ulidTimeMs(second)).toBe(clock.nowMs() + 1);
  });

  it('are refused with the field and a short quote when they are none', () => {
    const makers = [asJobId, asAttemptId, asNodeId, asSessionId, asLedgerId, asProcessId, asJoinTokenId, asApiKeyId];
    for (const make of makers) {
      for (const text of ['', '01ARZ3NDEKTSV4RRFFQ69G5FAV', '8'.repeat(26), 'x'.repeat(1000), '../../etc/passwd']) {
        let thrown: unknown;
        try {
          make(text, 'spec.id');
        } catch (error) {
          thrown = error;
        }
        expect(isAppError(thrown, 'invalid_argument')).toBe(true);
        expect(String(thrown)).toContain('spec.id: ');
        expect(String(thrown).length).toBeLessThan(150);
      }
    }
  });

  it('are taken as they are when they are good', () => {
    const id = makeIds(new ManualClock(), seededRandom(3)).next();
    expect(asJobId(id)).toBe(id);
    expect(isUlid(id)).toBe(true);
  });
});

describe('seeded randomness', () => {
  it('repeats for the same seed and differs for another', () => {
    const draw = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 5 }, () => random.next());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });
});
