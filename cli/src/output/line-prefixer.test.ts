import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LONGEST_LINE_BYTES, linePrefixer } from './line-prefixer.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('linePrefixer', () => {
  it('gives on whole lines only, and the last one with the newline it lacks', () => {
    const lines = linePrefixer('a | ');
    expect(text(lines.push(Buffer.from('one\ntw')))).toBe('a | one\n');
    expect(text(lines.push(Buffer.from('o')))).toBe('');
    expect(text(lines.push(Buffer.from('\n\nthree')))).toBe('a | two\na | \n');
    expect(text(lines.flush())).toBe('a | three\n');
    expect(text(lines.flush())).toBe('');
  });

  it('does not depend on where chunks are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'bb', '\n', '\n\n', 'ccc')), (parts) => {
        const lines = linePrefixer('> ');
        const whole = parts.join('');
        const expected = whole === '' ? '' : `${whole.replace(/\n$/, '').replace(/^/gm, '> ')}\n`;
        const got = parts.map((part) => text(lines.push(Buffer.from(part)))).join('') + text(lines.flush());
        expect(got).toBe(expected);
      }),
    );
  });

  it('cuts a line without end, so that what is held has a bound', () => {
    const lines = linePrefixer('> ');
    const got = text(lines.push(Buffer.alloc(LONGEST_LINE_BYTES * 2 + 5, 'x')));
    expect(got.split('\n').map((line) => line.length)).toEqual([LONGEST_LINE_BYTES + 2, LONGEST_LINE_BYTES + 2, 0]);
    expect(text(lines.flush())).toBe('> xxxxx\n');
  });

  it('puts the suffix before each newline', () => {
    const lines = linePrefixer('> ', (line) => (line.includes(0x1b) ? '\x1b[0m' : ''));
    expect(text(lines.push(Buffer.from('\x1b[31mred\nplain\n')))).toBe('> \x1b[31mred\x1b[0m\n> plain\n');
  });
});
