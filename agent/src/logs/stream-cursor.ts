/**
 * How far one stream of one run is sent and acknowledged. Pure bookkeeping; offsets count bytes from the stream's start.
 * Always acked <= sent <= end.
 *
 *   0 ........ acked ........ sent ........ end ........ (length, once the run has ended)
 *              \__ window ____/
 */

/** What is to be sent next. */
export type NextPiece =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'read'; readonly offset: number; readonly bytes: number }
  /** These bytes are gone from the file. */
  | { readonly kind: 'gap'; readonly offset: number; readonly bytes: number };

/** One stream. */
export class StreamCursor {
  /** Everything before is settled at the orchestrator. */
  acked = 0;
  /** The next byte to send. */
  sent = 0;
  /** One past the last byte known to be in the file. */
  end = 0;
  /** The stream's length; undefined while its run lives. */
  length: number | undefined;
  /** Bytes beyond are gone: the file was cut or deleted. */
  #brokenAt: number | undefined;
  /** The acknowledgement that made us go back; its repetitions are answers to frames that were under way. */
  #wentBackTo: number | undefined;
  #askedAgain = false;

  /** The file has this size now. A file that shrank has lost bytes for good: its offsets no longer fit the stream's. */
  observed(sizeBytes: number): void {
    if (sizeBytes >= this.end) this.end = sizeBytes;
    else this.#brokenAt = Math.min(this.#brokenAt ?? sizeBytes, sizeBytes);
  }

  /** The run has ended. Returns the length that counts: never less than what was seen, so that a loss shows as a gap. */
  finish(sizeBytes: number): number {
    this.observed(sizeBytes);
    this.length = this.end;
    return this.length;
  }

  /** Bytes that wait to be sent. */
  get pending(): number {
    return this.end - this.sent;
  }

  /** Bytes sent and not acknowledged. */
  get unacked(): number {
    return this.sent - this.acked;
  }

  /** Nothing more will ever be sent. */
  get settled(): boolean {
    return this.length !== undefined && this.acked >= this.length;
  }

  /**
   * Whether the place that we went back to was named once more and nothing was acknowledged since. Most often that is an
   * answer to older frames; but the bytes that were sent again may have been dropped again, and then nothing else comes.
   */
  get askedAgain(): boolean {
    return this.#askedAgain;
  }

  /** What was sent since we went back did not arrive: sends it once more. */
  goBackAgain(): void {
    this.sent = this.acked;
    this.#askedAgain = false;
  }

  /** A session begins: what was under way in the last one may be lost. */
  rewind(): void {
    this.goBackAgain();
    this.#wentBackTo = undefined;
  }

  /**
   * An acknowledgement. One that lies before ours, or repeats it while bytes are under way, says where the orchestrator
   * wants to go on (P29): we go back, once per place, since the answers to frames already under way repeat it. A repetition
   * of that place is remembered in `askedAgain`.
   */
  acknowledge(next: number): void {
    if (next > this.acked) {
      this.acked = next;
      this.sent = Math.max(this.sent, next);
      // After a restart of the agent this may be the first word of bytes that are in the file.
      this.end = Math.max(this.end, next);
      this.#wentBackTo = undefined;
      this.#askedAgain = false;
      return;
    }
    if (next === this.acked && this.unacked === 0) return;
    this.#askedAgain = next === this.#wentBackTo;
    if (this.#askedAgain) return;
    this.acked = next;
    this.sent = next;
    this.#wentBackTo = next;
  }

  /** The next piece of at most `mostBytes`. */
  next(mostBytes: number): NextPiece {
    const bytes = Math.min(this.pending, mostBytes);
    if (this.pending <= 0) return { kind: 'nothing' };
    const brokenAt = this.#brokenAt;
    // Where the loss is known and the run has ended, all the rest is one gap; it needs no window.
    if (brokenAt !== undefined && this.sent >= brokenAt) {
      if (this.length === undefined) return { kind: 'nothing' };
      return { kind: 'gap', offset: this.sent, bytes: this.pending };
    }
    if (bytes <= 0) return { kind: 'nothing' };
    const readable = brokenAt === undefined ? bytes : Math.min(bytes, brokenAt - this.sent);
    return { kind: 'read', offset: this.sent, bytes: readable };
  }

  /** Bytes went out. */
  advance(bytes: number): void {
    this.sent += bytes;
  }
}
