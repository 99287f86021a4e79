import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { LabelSelectorSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { labelProblems, matchesLabels, selectorProblems } from './selector.ts';

describe('labels', () => {
  it('are taken in every form that the contract allows', () => {
    const labels = { a: '', 'example.com/rack_1': 'R-2.b', ['k'.repeat(63)]: 'v'.repeat(63), '0': '0' };
    expect(labelProblems(labels, 'labels')).toEqual([]);
  });

  for (const key of ['', 'A', '-a', 'a-', '/a', 'a b', 'ä', 'k'.repeat(64)]) {
    it(`are refused with the key ${JSON.stringify(key)}, naming the map`, () => {
      expect(labelProblems({ [key]: 'v' }, 'spec.labels')).toEqual([
        { field: 'spec.labels', message: expect.stringContaining('is not a label key') },
      ]);
    });
  }

  for (const value of ['a b', 'a/b', 'ä', 'v'.repeat(64), 'a\n']) {
    it(`are refused with the value ${JSON.stringify(value)}, naming the key`, () => {
      expect(labelProblems({ zone: value }, 'labels')).toEqual([
        { field: 'labels["zone"]', message: expect.stringContaining('is not a label value') },
      ]);
    });
  }

  it('are refused when there are too many', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, 'v']));
    expect(labelProblems(many, 'labels')).toEqual([{ field: 'labels', message: 'has 65 labels; 64 are the most' }]);
  });
});

describe('a selector', () => {
  it('is checked like labels, under its own path', () => {
    const selector = create(LabelSelectorSchema, { matchLabels: { Zone: 'a' } });
    expect(selectorProblems(selector, 'selector')).toMatchObject([{ field: 'selector.match_labels' }]);
  });

  it('matches when every label is there with its value', () => {
    expect(matchesLabels({}, {})).toBe(true);
    expect(matchesLabels({ a: '1' }, { a: '1', b: '2' })).toBe(true);
    expect(matchesLabels({ a: '1', b: '2' }, { a: '1' })).toBe(false);
    expect(matchesLabels({ a: '1' }, { a: '2' })).toBe(false);
    expect(matchesLabels({ a: '' }, {})).toBe(false);
  });

  it('does not find what every object has', () => {
    expect(matchesLabels({ constructor: '' }, {})).toBe(false);
  });
});
