import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cellText, safeText, type TerminalSafeOptions, terminalSafe } from './terminal-safe.ts';

const keep: TerminalSafeOptions = { carriageReturn: 'keep' };
const show: TerminalSafeOptions = { carriageReturn: 'show' };

function inOne(bytes: Uint8Array, options: TerminalSafeOptions = keep): string {
  const safe = terminalSafe(options);
  return safe.push(bytes) + safe.flush();
}

function inPieces(bytes: Uint8Array, cuts: readonly number[], options: TerminalSafeOptions): string {
  const safe = terminalSafe(options);
  let text = '';
  let from = 0;
  for (const cut of [...cuts.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    text += safe.push(bytes.subarray(from, cut));
    from = Math.max(from, cut);
  }
  return text + safe.flush();
}

/** Bytes that are likely to form sequences, among arbitrary ones. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\x1b',
        '\x1b[',
        '\x1b]0;t\x07',
        '\x1b[31m',
        '\x1b[2J',
        '\u009b31m',
        '\u009d',
        '\r',
        '\r\n',
        'm',
        '0;',
        'é',
      ),
      fc.uint8Array({ maxLength: 4 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part)))),
  );

describe('terminalSafe', () => {
  it('lets colours through', () => {
    expect(inOne(Buffer.from('\x1b[1;31mred\x1b[0m \x1b[38:2:1:2:3mx\x1b[m'))).toBe(
      '\x1b[1;31mred\x1b[0m \x1b[38:2:1:2:3mx\x1b[m',
    );
  });

  it('writes out every other sequence', () => {
    expect(inOne(Buffer.from('\x1b[2J\x1b]0;title\x07\x1bPq\x1b\\\x1b[?1049h'))).toBe(
      '^[[2J^[]0;title^G^[Pq^[\\^[[?1049h',
    );
    expect(inOne(Buffer.from('\x1b[>4m'))).toBe('^[[>4m');
  });

  it('writes out C1 controls, encoded or bare', () => {
    expect(inOne(Buffer.from('a\u009b2Jb'))).toBe('a\\x9b2Jb');
    expect(inOne(Buffer.from([0x61, 0x9b, 0x32]))).toBe('a\ufffd2');
  });

  it('keeps tabs, newlines and carriage returns, and shows lone returns where lines have prefixes', () => {
    expect(inOne(Buffer.from('a\tb\r\nc\rd\n'))).toBe('a\tb\r\nc\rd\n');
    expect(inOne(Buffer.from('a\r\nc\rd\r'), show)).toBe('a\r\nc^Md^M');
    expect(inOne(Buffer.from('a\bb\x7f\x00'))).toBe('a^Hb^?^@');
  });

  it('gives up on a colour that never ends', () => {
    expect(inOne(Buffer.from(`\x1b[${'1;'.repeat(40)}m`))).toBe(`^[[${'1;'.repeat(40)}m`);
  });

  it('never emits ESC but in a colour, nor any other control, and does not depend on where chunks are cut', () => {
    fc.assert(
      fc.property(
        hostile,
        fc.array(fc.nat(200), { maxLength: 8 }),
        fc.constantFrom(keep, show),
        (bytes, cuts, options) => {
          const whole = inOne(bytes, options);
          expect(inPieces(bytes, cuts, options)).toBe(whole);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
          const rest = whole.replace(/\x1b\[[\d;:]*m/g, '');
          // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
          expect(rest).not.toMatch(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/);
          if (options === show) expect(rest).not.toMatch(/\r(?!\n)/);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('leaves harmless text as it is, whatever the cuts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.nat(200)), (text, cuts) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is left out
        const harmless = text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '').toWellFormed();
        expect(inPieces(Buffer.from(harmless), cuts, keep)).toBe(harmless);
      }),
    );
  });
});

describe('text in one piece', () => {
  it('is made safe with its colours', () => {
    expect(safeText('a\x1b[31mb\x1b[2J\x1b')).toBe('a\x1b[31mb^[[2J^[');
  });

  it('is one line without colours in a cell', () => {
    expect(cellText('a\nb\x1b[31m')).toBe('a b^[[31m');
  });
});
