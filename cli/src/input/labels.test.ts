import { describe, expect, it } from '@jest/globals';
import { parseEnv, parseLabelChange, parseLabels } from './labels.ts';

describe('labels on the command line', () => {
  it('are read as key=value, with empty values', () => {
    expect(parseLabels(['a=b', 'example.com/x=', 'a1=B_2.c-d'])).toEqual({
      a: 'b',
      'example.com/x': '',
      a1: 'B_2.c-d',
    });
  });

  it.each([['a'], ['=b'], ['A=b'], ['-a=b'], ['a=b=c'], ['a=b c'], [`${'x'.repeat(64)}=1`]])('refuse %j', (text) => {
    expect(() => parseLabels([text])).toThrow(/^--label: /);
  });

  it('are set with = and removed with -', () => {
    expect(parseLabelChange(['a=b', 'c-', 'd=e-'])).toEqual({ set: { a: 'b', d: 'e-' }, remove: ['c'] });
    expect(() => parseLabelChange(['a=b', 'a-'])).toThrow('label: a is set and removed');
    expect(() => parseLabelChange(['a'])).toThrow('label: "a" is not key=value');
  });
});

describe('environment variables on the command line', () => {
  it('keep everything after the first =', () => {
    expect(parseEnv(['A=1', 'B=', 'C=x=y', '__proto__=z'])).toEqual(
      Object.fromEntries([
        ['A', '1'],
        ['B', ''],
        ['C', 'x=y'],
        ['__proto__', 'z'],
      ]),
    );
  });
});
