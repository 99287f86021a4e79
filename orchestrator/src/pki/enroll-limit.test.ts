import { describe, expect, it } from '@jest/globals';
import { isAppError } from '@muster/common/errors/app-error';
import { ManualClock } from '@muster/testing/manual-clock';
import { EnrollLimit } from './enroll-limit.ts';

function taken(limit: EnrollLimit, address: string, tries: number): number {
  let count = 0;
  for (let at = 0; at < tries; at += 1) {
    try {
      limit.take(address);
      count += 1;
    } catch (error) {
      if (!isAppError(error, 'resource_exhausted')) throw error;
    }
  }
  return count;
}

describe('the limit of enrolments', () => {
  it('lets twenty through at once and then one a second', async () => {
    const clock = new ManualClock();
    const limit = new EnrollLimit(clock);
    expect(taken(limit, '10.0.0.1', 30)).toBe(20);
    await clock.advance(3_500);
    expect(taken(limit, '10.0.0.1', 30)).toBe(3);
    await clock.advance(3_600_000);
    expect(taken(limit, '10.0.0.1', 30)).toBe(20);
  });

  it('counts each source by itself, and a /64 network as one', () => {
    const limit = new EnrollLimit(new ManualClock());
    expect(taken(limit, '10.0.0.1', 30)).toBe(20);
    expect(taken(limit, '10.0.0.2', 30)).toBe(20);
    expect(taken(limit, '2001:db8:1:2::1', 15) + taken(limit, '2001:db8:1:2:ffff:1:2:3', 15)).toBe(20);
    expect(taken(limit, '2001:db8:1:3::1', 30)).toBe(20);
    expect(taken(limit, '2001:db8::1', 10) + taken(limit, '2001:db8::2:0:0:1', 15)).toBe(20);
    expect(taken(limit, '::ffff:10.0.0.3', 30)).toBe(20);
  });

  it('remembers a bounded number of sources', () => {
    const limit = new EnrollLimit(new ManualClock());
    expect(taken(limit, 'first', 30)).toBe(20);
    for (let at = 0; at < 10_000; at += 1) limit.take(`source ${at}`);
    expect(taken(limit, 'first', 30)).toBe(20);
  });
});
