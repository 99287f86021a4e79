/** Activities that run beside the one who starts them and are never lost sight of: failures are logged, the end waits. */
import { errorChain } from '@muster/common/errors/app-error';
import type { Logger } from '@muster/common/logging/logger';

/** The activities under one signal. Bounded by what starts them: a few per attempt. */
export class TaskSet {
  readonly #running = new Set<Promise<void>>();
  readonly #logger: Logger;
  readonly #signal: AbortSignal;

  constructor(logger: Logger, signal: AbortSignal) {
    this.#logger = logger;
    this.#signal = signal;
  }

  /** Starts one. What it throws after the signal was aborted is no failure. */
  run(name: string, activity: (signal: AbortSignal) => Promise<void>): void {
    const running = this.#watched(name, activity).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Returns when none is left. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #watched(name: string, activity: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await activity(this.#signal);
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#logger.error({ task: name, reason: errorChain(error) }, 'a task failed');
    }
  }
}
