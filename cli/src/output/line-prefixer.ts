/**
 * Cuts one stream into lines and puts a prefix before each. A line is given on only when it is whole, so that lines of
 * several nodes never mix; the last one gets the newline that it lacks. Bytes stay bytes: no decoding here.
 */

/** A line longer than this is cut in pieces that each get a prefix: what is held per stream must have a bound. */
export const LONGEST_LINE_BYTES = 64 * 1024;

const NEWLINE = 0x0a;

/** Prefixes one stream. A state: the begun line. */
export interface LinePrefixer {
  /** The whole lines so far. */
  push(bytes: Uint8Array): Uint8Array;
  /** The begun line, ended by a newline; empty if there is none. */
  flush(): Uint8Array;
}

/** A fresh one. `suffix` is put before each newline, for example to end colours. */
export function linePrefixer(prefix: string, suffix: (line: Uint8Array) => string = () => ''): LinePrefixer {
  const before = Buffer.from(prefix);
  let begun: Uint8Array[] = [];
  let begunBytes = 0;

  const endLine = (out: Uint8Array[]): void => {
    const line = begun.length === 1 && begun[0] !== undefined ? begun[0] : Buffer.concat(begun);
    out.push(before, line, Buffer.from(`${suffix(line)}\n`));
    begun = [];
    begunBytes = 0;
  };
  const hold = (piece: Uint8Array, out: Uint8Array[]): void => {
    let rest = piece;
    while (begunBytes + rest.length > LONGEST_LINE_BYTES) {
      const room = LONGEST_LINE_BYTES - begunBytes;
      begun.push(rest.subarray(0, room));
      endLine(out);
      rest = rest.subarray(room);
    }
    if (rest.length > 0) begun.push(rest);
    begunBytes += rest.length;
  };

  return {
    push(bytes) {
      const out: Uint8Array[] = [];
      let from = 0;
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
        hold(bytes.subarray(from, at), out);
        endLine(out);
        from = at + 1;
      }
      // Copied: the caller may use its buffer again.
      if (from < bytes.length) hold(Uint8Array.from(bytes.subarray(from)), out);
      return Buffer.concat(out);
    },
    flush() {
      const out: Uint8Array[] = [];
      if (begunBytes > 0) endLine(out);
      return Buffer.concat(out);
    },
  };
}
