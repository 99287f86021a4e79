/**
 * Statuses until they are acknowledged: the latest per attempt wins, each session sends all of them again (P23).
 * Bounded by the number of attempts that this node holds.
 */
import type { AttemptStatus } from '@muster/gen/muster/agent/v1/assignment_pb';
import type { AttemptState } from '@muster/gen/muster/job/v1/status_pb';
import type { StatusPort } from './session-ports.ts';

/** The statuses of all attempts. */
export class StatusOutbox implements StatusPort {
  readonly #latest = new Map<string, AttemptStatus>();
  readonly #unsent = new Set<string>();
  #wake: () => void = () => {};

  /** Replaces the attempt's status; a lower state than the one that waits is ignored, since ranks only grow. */
  report(status: AttemptStatus): void {
    const waiting = this.#latest.get(status.attemptId);
    if (waiting !== undefined && waiting.state > status.state) return;
    this.#latest.set(status.attemptId, status);
    this.#unsent.add(status.attemptId);
    this.#wake();
  }

  /** Nothing more is to be said about the attempt. */
  drop(attemptId: string): void {
    this.#latest.delete(attemptId);
    this.#unsent.delete(attemptId);
  }

  resendAll(): void {
    for (const attemptId of this.#latest.keys()) this.#unsent.add(attemptId);
    if (this.#unsent.size > 0) this.#wake();
  }

  take(): AttemptStatus | undefined {
    for (const attemptId of this.#unsent) {
      this.#unsent.delete(attemptId);
      const status = this.#latest.get(attemptId);
      if (status !== undefined) return status;
    }
    return undefined;
  }

  acked(attemptId: string, state: AttemptState): void {
    // An acknowledgement of an older status says nothing about the newer one.
    if (this.#latest.get(attemptId)?.state === state) this.drop(attemptId);
  }

  onPending(wake: () => void): Disposable {
    this.#wake = wake;
    return {
      [Symbol.dispose]: () => {
        if (this.#wake === wake) this.#wake = () => {};
      },
    };
  }
}
