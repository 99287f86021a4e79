/**
 * Calls that outlive the connection: what was lost is attached again after a growing pause, for as long as the signal
 * lets it. The user is told once when the connection goes and once when it is back, however many calls were on it.
 */
import { makeBackoff } from '@muster/common/backoff/backoff';
import type { Clock } from '@muster/common/clock/clock';
import type { Random } from '@muster/common/random/random';
import { isWorthRetrying, retryAfterMs } from '../client/failure.ts';

/** A person waits in front of it: the first try soon, then every five seconds at the latest. */
const BACKOFF = { minMs: 250, maxMs: 5_000 };

/** What a link needs. */
export interface LinkDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Writes one line for the user. */
  readonly note: (line: string) => Promise<void>;
}

/** The connection as those see it who live through its losses. */
export interface Link {
  /**
   * Calls `attach` until it returns. `healthy` is to be called with each sign of life: it resets the pause. Throws what
   * is not a lost connection; rejects with the signal's reason when aborted.
   * @param worthRetrying which failures count as a lost connection. Default: all that a repeatable call may repeat
   */
  keep<T>(
    attach: (healthy: () => void) => Promise<T>,
    signal: AbortSignal,
    worthRetrying?: (thrown: unknown) => boolean,
  ): Promise<T>;
}

/** A link for one command. */
export function makeLink(deps: LinkDeps): Link {
  let isDown = false;
  const down = async (): Promise<void> => {
    if (isDown) return;
    isDown = true;
    await deps.note('lost the connection; the job is not affected, attaching again');
  };
  const up = (): void => {
    if (!isDown) return;
    isDown = false;
    // A note that can not be written ends the command at its next write; nothing is lost with this one.
    deps.note('attached again').catch(() => {});
  };
  return {
    async keep(attach, signal, worthRetrying = isWorthRetrying) {
      const backoff = makeBackoff(BACKOFF, deps.random);
      const healthy = (): void => {
        backoff.reset();
        up();
      };
      for (;;) {
        try {
          const result = await attach(healthy);
          up();
          return result;
        } catch (error) {
          signal.throwIfAborted();
          if (!worthRetrying(error)) throw error;
          await down();
          await deps.clock.sleep(Math.max(backoff.next(), retryAfterMs(error)), signal);
        }
      }
    },
  };
}
