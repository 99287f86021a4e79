import { describe, expect, it } from '@jest/globals';
import { asAttemptId } from '@muster/common/ids/ids';
import { OrderedReports } from './ordered-reports.ts';

const A = asAttemptId('01arz3ndektsv4rrffq69g5fav');
const B = asAttemptId('01arz3ndektsv4rrffq69g5faw');

describe('reports under way', () => {
  it('keep their order per attempt, and do not wait for those of others', async () => {
    const reports = new OrderedReports(10);
    const first = Promise.withResolvers<void>();
    const order: string[] = [];
    void reports.add(A, async () => {
      await first.promise;
      order.push('a1');
    });
    void reports.add(A, async () => void order.push('a2'));
    void reports.add(B, async () => void order.push('b1'));
    await Promise.resolve();
    expect(order).toEqual(['b1']);
    first.resolve();
    await new Promise(setImmediate);
    expect(order).toEqual(['b1', 'a1', 'a2']);
  });

  it.each([
    ['one attempt', [A, A, A]],
    ['several attempts', [A, B, asAttemptId('01arz3ndektsv4rrffq69g5fax')]],
  ])('hold back the reader where there are too many, about %s', async (_of, [first, second, third]) => {
    if (first === undefined || second === undefined || third === undefined) throw new Error('three are needed');
    const reports = new OrderedReports(2);
    const gate = Promise.withResolvers<void>();
    expect(reports.add(first, () => gate.promise)).toBeUndefined();
    expect(reports.add(second, () => gate.promise)).toBeUndefined();
    const wait = reports.add(third, () => gate.promise);
    expect(wait).toBeInstanceOf(Promise);
    gate.resolve();
    await wait;
    await new Promise(setImmediate);
    expect(reports.add(first, async () => undefined)).toBeUndefined();
  });
});
