/**
 * Unacknowledged bytes of one node and of each of its streams (P27). What counts is what we hold: a byte that is new at
 * its stream's end, until an acknowledgement passes it. A piece that begins beyond the end is not counted, because the
 * intake drops it and answers where to go on (P29).
 */
import type { OutputStreamName } from '../domain/job.ts';

/** Names a stream of a run. */
export interface StreamKey {
  readonly attemptId: string;
  readonly run: number;
  readonly stream: OutputStreamName;
}

/** The limits, as welcome names them. */
export interface WindowLimits {
  readonly nodeWindowBytes: number;
  readonly streamWindowBytes: number;
}

/** Half-open ranges that are held, ascending and apart, and where the stream ends as far as we know. */
interface Held {
  readonly ranges: { start: number; end: number }[];
  endBytes: number;
  heldBytes: number;
}

/** The accounts of one session. */
export class Windows {
  readonly #limits: WindowLimits;
  readonly #streams = new Map<string, Held>();
  #heldBytes = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Bytes held of all streams. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Streams with held bytes. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Counts a piece; tells which window it went over, if one. */
  received(key: StreamKey, offsetBytes: number, lengthBytes: number): 'within' | 'over_stream' | 'over_node' {
    const name = nameOf(key);
    const held = this.#streams.get(name) ?? { ranges: [], endBytes: offsetBytes, heldBytes: 0 };
    const endBytes = offsetBytes + lengthBytes;
    if (offsetBytes > held.endBytes || endBytes <= held.endBytes) return 'within';
    const last = held.ranges.at(-1);
    const addedBytes = endBytes - held.endBytes;
    if (last !== undefined && last.end === held.endBytes) last.end = endBytes;
    else held.ranges.push({ start: held.endBytes, end: endBytes });
    held.endBytes = endBytes;
    held.heldBytes += addedBytes;
    this.#heldBytes += addedBytes;
    this.#streams.set(name, held);
    if (held.heldBytes > this.#limits.streamWindowBytes) return 'over_stream';
    return this.#heldBytes > this.#limits.nodeWindowBytes ? 'over_node' : 'within';
  }

  /** A gap moves the stream's end and holds nothing. */
  gap(key: StreamKey, offsetBytes: number, lengthBytes: number): void {
    const held = this.#streams.get(nameOf(key));
    if (held !== undefined && offsetBytes <= held.endBytes) {
      held.endBytes = Math.max(held.endBytes, offsetBytes + lengthBytes);
    }
  }

  /**
   * Everything before `nextOffsetBytes` is settled. One before all that is held says that the node begins anew there:
   * what came beyond it was dropped.
   */
  acknowledged(key: StreamKey, nextOffsetBytes: number): void {
    const name = nameOf(key);
    const held = this.#streams.get(name);
    if (held === undefined) return;
    const before = held.heldBytes;
    const first = held.ranges[0];
    if (first !== undefined && nextOffsetBytes < first.start) held.ranges.length = 0;
    else release(held, nextOffsetBytes);
    held.heldBytes = held.ranges.reduce((sum, range) => sum + range.end - range.start, 0);
    this.#heldBytes -= before - held.heldBytes;
    if (held.heldBytes === 0) this.#streams.delete(name);
  }

  /** Nothing of the stream is held any more. */
  dropped(key: StreamKey): void {
    const name = nameOf(key);
    this.#heldBytes -= this.#streams.get(name)?.heldBytes ?? 0;
    this.#streams.delete(name);
  }
}

function release(held: Held, nextOffsetBytes: number): void {
  while (held.ranges[0] !== undefined && held.ranges[0].end <= nextOffsetBytes) held.ranges.shift();
  const first = held.ranges[0];
  if (first !== undefined && first.start < nextOffsetBytes) first.start = nextOffsetBytes;
}

function nameOf(key: StreamKey): string {
  return `${key.attemptId}/${key.run}/${key.stream}`;
}
