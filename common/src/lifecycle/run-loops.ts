/**
 * Runs a program's loops together: they start together, the first that fails ends all, and nobody is left behind.
 */
import { errorChain, isError } from '../errors/app-error.ts';
import type { Logger } from '../logging/logger.ts';

/** A long-running activity; returns when it is done or when the signal is aborted (or rejects with its reason). */
export type Loop = (signal: AbortSignal) => Promise<void>;

/**
 * Returns when all loops have ended. A loop that fails aborts the others; being aborted is not a failure.
 * @throws AggregateError with every failure, in the order in which they happened
 */
export async function runLoops(
  loops: Readonly<Record<string, Loop>>,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const failures: unknown[] = [];
  const runOne = async ([name, loop]: [string, Loop]): Promise<void> => {
    try {
      await loop(both);
      logger.debug({ loop: name }, 'loop ended');
    } catch (error) {
      if (both.aborted && isAbort(error, both)) return;
      logger.error({ loop: name, reason: errorChain(error) }, 'loop failed');
      failures.push(new Error(`loop ${name} failed`, { cause: error }));
      failed.abort(error);
    }
  };
  await Promise.all(Object.entries(loops).map(runOne));
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of the program's loops failed`);
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (isError(error) && error.name === 'AbortError');
}
