/**
 * Where a command writes. A port, so that tests can read what was written and say whether it is a terminal.
 */

/** Standard output or standard error. */
export interface Output {
  /** Whether a person looks at it: decides colours, and whether control sequences are neutralised. */
  readonly isTerminal: boolean;
  /** Whether colours are wanted: a terminal, unless NO_COLOR says otherwise. */
  readonly hasColors: boolean;
  /** Writes all of it, in the order of the calls, and resolves when the system has taken it. Rejects with OutputClosed. */
  write(bytes: Uint8Array | string): Promise<void>;
}

/** Nobody reads any more (`| head`): the command ends without a word. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
  constructor() {
    super('the reader of our output is gone');
  }
}
