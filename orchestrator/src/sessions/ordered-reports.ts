/**
 * Keeps the reports about each attempt in their order while those about different attempts run side by side, so that
 * the store can commit many at once and heartbeats are answered meanwhile.
 */
import type { AttemptId } from '@muster/common/ids/ids';

/** Reports under way for one session. */
export class OrderedReports {
  readonly #tails = new Map<AttemptId, Promise<void>>();
  readonly #most: number;
  #underWay = 0;

  /** @param most reports under way, of one attempt or of several; beyond it `add` says whom to wait for */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Starts `work` after the attempt's earlier reports. `work` must not reject. Returns undefined, or where too many are
   * under way a promise to wait for before the next frame is read.
   */
  add(attemptId: AttemptId, work: () => Promise<void>): Promise<void> | undefined {
    const earlier = this.#tails.get(attemptId);
    this.#underWay += 1;
    const tail = (earlier === undefined ? work() : earlier.then(work)).then(() => {
      this.#underWay -= 1;
      if (this.#tails.get(attemptId) === tail) this.#tails.delete(attemptId);
    });
    this.#tails.set(attemptId, tail);
    return this.#underWay > this.#most ? Promise.race(this.#tails.values()) : undefined;
  }
}
