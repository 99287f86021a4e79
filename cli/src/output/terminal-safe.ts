/**
 * Makes output of jobs safe to show on a terminal: control characters and sequences are written out (`^[`, `\x9b`), so
 * that they are seen and do nothing. Colour (SGR: `ESC [ digits m`) goes through. Bytes are read as UTF-8, what is not
 * UTF-8 becomes U+FFFD: a terminal in 8-bit mode would take a bare 0x9B for "ESC [".
 *
 *            ESC              [                m
 *   plain ────────► escape ────────► parameters ────► plain, sequence goes through
 *     ▲                │ other            │ other, or longer than 64
 *     └────────────────┴──────────────────┘ written out
 *
 * A sequence cut by a chunk's end is held until the next chunk or flush.
 */

/** Colour parameters are a few numbers of three digits; 64 characters hold twelve of them with room to spare. */
const LONGEST_PARAMETERS = 64;

const ESC = '\x1b';
const PARAMETERS = /[\d;:]/;
/** Everything that may need a look: C0 but tab and newline, DEL, C1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this file is about
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;

/** How a carriage return alone is shown. */
export interface TerminalSafeOptions {
  /** `keep`: progress bars work. `show`: as `^M`, where a line has a prefix that must not be overwritten. */
  readonly carriageReturn: 'keep' | 'show';
}

/** Makes one stream safe. A state: sequences may be cut anywhere between chunks. */
export interface TerminalSafe {
  /** The safe text of what is certain so far. */
  push(bytes: Uint8Array): string;
  /** The safe text of what was held. Call it at the end. */
  flush(): string;
}

/** A fresh one for one stream. */
export function terminalSafe(options: TerminalSafeOptions): TerminalSafe {
  // ignoreBOM keeps a byte order mark as it is.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let held = '';
  const step = (text: string, atEnd: boolean): string => {
    const result = convert(held + text, atEnd, options);
    held = result.held;
    return result.safe;
  };
  return {
    push: (bytes) => step(decoder.decode(bytes, { stream: true }), false),
    flush: () => step(decoder.decode(), true),
  };
}

/** Makes text safe that is shown in one piece, such as a message from the orchestrator. */
export function safeText(text: string): string {
  return convert(text, true, { carriageReturn: 'show' }).safe;
}

/** Makes text safe for a cell of a table: one line, no colours. Also right for pipes. */
export function cellText(text: string): string {
  let safe = '';
  for (const char of text) safe += char === '\n' || char === '\t' ? ' ' : CONTROL.test(char) ? written(char) : char;
  return safe;
}

interface Converted {
  readonly safe: string;
  readonly held: string;
}

function convert(text: string, atEnd: boolean, options: TerminalSafeOptions): Converted {
  if (!CONTROL.test(text)) return { safe: text, held: '' };
  let safe = '';
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === ESC) {
      const end = sequenceEnd(text, at);
      if (end === 'cut' && !atEnd) return { safe, held: text.slice(at) };
      if (typeof end === 'number') {
        safe += text.slice(at, end);
        at = end;
        continue;
      }
    }
    if (char === '\r' && options.carriageReturn === 'show' && at + 1 === text.length && !atEnd) {
      return { safe, held: '\r' };
    }
    safe += plain(char, text.charAt(at + 1), options);
    at += 1;
  }
  return { safe, held: '' };
}

/** Where the colour sequence that begins at `start` ends; `cut`: the text ends too early; `other`: not a colour. */
function sequenceEnd(text: string, start: number): number | 'cut' | 'other' {
  if (start + 1 >= text.length) return 'cut';
  if (text.charAt(start + 1) !== '[') return 'other';
  const limit = start + 2 + LONGEST_PARAMETERS;
  for (let at = start + 2; at <= limit; at += 1) {
    if (at >= text.length) return 'cut';
    const char = text.charAt(at);
    if (char === 'm') return at + 1;
    if (!PARAMETERS.test(char)) return 'other';
  }
  return 'other';
}

function plain(char: string, next: string, options: TerminalSafeOptions): string {
  if (!CONTROL.test(char)) return char;
  if (char === '\r' && (options.carriageReturn === 'keep' || next === '\n')) return char;
  return written(char);
}

/** `^[` for ESC, `^?` for DEL, `\x9b` for C1. */
function written(char: string): string {
  const code = char.charCodeAt(0);
  if (code >= 0x80) return `\\x${code.toString(16)}`;
  // Caret notation: the letter is 64 away, for DEL as well.
  return `^${String.fromCharCode(code ^ 0x40)}`;
}
