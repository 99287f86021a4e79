/**
 * How a program ends: the first SIGTERM or SIGINT aborts a signal, and everything winds down by it. A second one, or a
 * wind-down that takes too long, ends the process at once: an operator must never need `kill -9`.
 */
import type { Clock } from '../clock/clock.ts';
import { AppError } from '../errors/app-error.ts';
import type { Logger } from '../logging/logger.ts';

/** How long the program may take. */
export interface TerminationOptions {
  /** From the first signal until the process exits with code 1 in any case. */
  readonly hardDeadlineMs: number;
}

/** Listens for termination until disposed; dispose it as the last thing. */
export function onTermination(
  clock: Clock,
  options: TerminationOptions,
  logger: Logger,
): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  let deadline: Disposable | undefined;
  const exitNow = (why: string): void => {
    logger.error({ why }, 'ending at once');
    process.exit(1);
  };
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      exitNow(`second signal (${name})`);
      return;
    }
    logger.info({ signal: name }, 'ending');
    deadline = clock.schedule(options.hardDeadlineMs, () => exitNow(`not done within ${options.hardDeadlineMs} ms`));
    controller.abort(new AppError('cancelled', `ended by ${name}`));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      deadline?.[Symbol.dispose]();
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
    },
  };
}
