/**
 * Where large pieces of output are read into: a few buffers that are used again, instead of a quarter of a megabyte of
 * garbage outside the heap for each piece, whose collection took more time than the sending. Small pieces are left to
 * Node's own pool.
 */
import { LARGEST_CHUNK_BYTES } from './log-windows.ts';

/** As many as one batch of the outbox and the transport behind it; more are left to the garbage collector. */
const MOST_FREE = 8;
/** Below this a piece is cheaper in Node's pool than in the turn of a large buffer. */
const SMALL_BYTES = 16 * 1024;

/** The buffers of one shipper. */
export class PieceBuffers {
  readonly #free: Buffer[] = [];

  /** Room for a piece. Give it back when nobody reads it any more, or never. */
  take(sizeBytes: number): Buffer {
    if (sizeBytes <= SMALL_BYTES) return Buffer.allocUnsafe(sizeBytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(LARGEST_CHUNK_BYTES);
  }

  giveBack(buffer: Buffer): void {
    if (buffer.byteLength === LARGEST_CHUNK_BYTES && this.#free.length < MOST_FREE) this.#free.push(buffer);
  }
}
