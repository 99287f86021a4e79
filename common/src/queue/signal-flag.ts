/** "Something changed, look again": a level, not an edge, so that no notice is lost and many count as one. */
import { Waiters } from './waiters.ts';

/** The flag. Meant for one loop that waits; if several wait, one notice wakes them all. */
export class Wakeup {
  readonly #waiters = new Waiters<void>();
  #raised = false;

  /** Raises the flag; raised twice before a wait is the same as once. */
  notify(): void {
    if (this.#waiters.size > 0) this.#waiters.resolveAll();
    else this.#raised = true;
  }

  /** Returns once the flag is raised, at once if it already is, and lowers it. Rejects with `signal.reason` when aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#raised) {
      this.#raised = false;
      return;
    }
    await this.#waiters.wait(signal);
  }
}
