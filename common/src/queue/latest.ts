/** A watched value: who looks late sees the newest only. For desired states, where each value replaces the one before. */
import { Waiters } from './waiters.ts';

/** The value and those who watch it. */
export class Latest<T> {
  readonly #watchers = new Waiters<void>();
  #value: T;
  #version = 0;

  constructor(initial: T) {
    this.#value = initial;
  }

  /** The newest value. */
  get value(): T {
    return this.#value;
  }

  /** Replaces the value and wakes all who watch, also when it is equal. */
  set(value: T): void {
    this.#value = value;
    this.#version += 1;
    this.#watchers.resolveAll();
  }

  /** The newest value after the next `set`. Rejects with `signal.reason` when aborted. */
  async changed(signal: AbortSignal): Promise<T> {
    await this.#watchers.wait(signal);
    return this.#value;
  }

  /**
   * Each change from now on; changes during the loop's body are folded into one, none is missed.
   * Throws `signal.reason` when aborted; never ends otherwise.
   */
  async *changes(signal: AbortSignal): AsyncGenerator<T, void, void> {
    let seen = this.#version;
    for (;;) {
      signal.throwIfAborted();
      if (seen === this.#version) await this.#watchers.wait(signal);
      seen = this.#version;
      yield this.#value;
    }
  }
}
