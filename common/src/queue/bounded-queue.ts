/**
 * A first-in-first-out queue with a bound and a named policy for what happens at it, so that no slow reader can fill
 * the memory. Several readers share the items; each item goes to one of them.
 */
import { AppError } from '../errors/app-error.ts';
import { Waiters } from './waiters.ts';

/** What a push into a full queue does: fail with `resource_exhausted`, forget the oldest item, or wait for room. */
export type Overflow = 'reject' | 'drop_oldest' | 'wait';

/** The bound and its policy. */
export interface BoundedQueueOptions {
  /** Most items held; at least 1. */
  readonly capacity: number;
  readonly overflow: Overflow;
}

/** What a reader got: an item, or the news that no more will come. */
export type Taken<T> = { readonly done: false; readonly item: T } | { readonly done: true };

/** The queue. */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #capacity: number;
  readonly #overflow: Overflow;
  readonly #readers = new Waiters<void>();
  readonly #writers = new Waiters<void>();
  readonly #items: { readonly done: false; readonly item: T }[] = [];
  #state: { readonly open: true } | { readonly open: false; readonly reason: unknown } = { open: true };
  #dropped = 0;

  constructor(options: BoundedQueueOptions) {
    if (!Number.isInteger(options.capacity) || options.capacity < 1) {
      throw new AppError('internal', `a queue needs room for at least one item, not ${options.capacity}`);
    }
    this.#capacity = options.capacity;
    this.#overflow = options.overflow;
  }

  /** Items held now. */
  get size(): number {
    return this.#items.length;
  }

  /** Items forgotten so far under `drop_oldest`. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Adds an item. Where there is room it is in the queue before the call returns. A full queue: see the policy.
   * @throws AppError resource_exhausted (policy `reject`), failed_precondition after `close`
   * @param signal ends the waiting for room; rejects with its reason, the item is then not in the queue
   */
  async push(item: T, signal?: AbortSignal): Promise<void> {
    while (!this.offer(item)) {
      if (this.#overflow === 'reject') {
        throw new AppError('resource_exhausted', `the queue is full (${this.#capacity} items)`);
      }
      await this.#writers.wait(signal);
    }
  }

  /**
   * Adds an item now or not at all: false where the queue is full and its policy is not `drop_oldest`.
   * @throws AppError failed_precondition after `close`
   */
  offer(item: T): boolean {
    if (!this.#state.open) {
      throw new AppError('failed_precondition', 'the queue is closed', { cause: this.#state.reason });
    }
    if (this.#items.length >= this.#capacity) {
      if (this.#overflow !== 'drop_oldest') return false;
      this.#items.shift();
      this.#dropped += 1;
    }
    this.#items.push({ done: false, item });
    this.#readers.resolveFirst();
    return true;
  }

  /**
   * Takes the oldest item, waiting for one. After `close` the items still held come first, then `done`, or the failure
   * that `close` was given is thrown. Rejects with `signal.reason` when aborted; no item is lost by that.
   */
  async take(signal?: AbortSignal): Promise<Taken<T>> {
    for (;;) {
      if (signal?.aborted === true) {
        // We may have been woken for an item and aborted before we ran: the next reader gets our turn.
        if (this.#items.length > 0) this.#readers.resolveFirst();
        throw signal.reason;
      }
      const taken = this.#items.shift();
      if (taken !== undefined) {
        this.#writers.resolveFirst();
        return taken;
      }
      if (!this.#state.open) {
        if (this.#state.reason !== undefined) throw this.#state.reason;
        return { done: true };
      }
      await this.#readers.wait(signal);
    }
  }

  /** No more items: waiting writers fail, readers get what is held and then end, or fail with `reason` if given. */
  close(reason?: unknown): void {
    if (!this.#state.open) return;
    this.#state = { open: false, reason };
    this.#readers.resolveAll();
    this.#writers.resolveAll();
  }

  /** Items until the queue is closed. Leaving the loop leaves the queue as it is. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      const taken = await this.take();
      if (taken.done) return;
      yield taken.item;
    }
  }
}
