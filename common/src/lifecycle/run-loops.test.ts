import { describe, expect, it } from '@jest/globals';
import { captureLogs } from '@muster/testing/capture-logs';
import { AppError } from '../errors/app-error.ts';
import { type Loop, runLoops } from './run-loops.ts';

const untilAborted: Loop = (signal) =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

describe('runLoops', () => {
  it('ends all when one fails, waits for them, and says which one', async () => {
    const { logger, lines } = captureLogs();
    const cause = new AppError('data_loss', 'the ledger is torn');
    let otherEnded = false;
    const other: Loop = async (signal) => {
      try {
        await untilAborted(signal);
      } finally {
        await new Promise((resolve) => setImmediate(resolve));
        otherEnded = true;
      }
    };
    const run = runLoops({ other, ledger: () => Promise.reject(cause) }, new AbortController().signal, logger);
    const error: unknown = await run.catch((thrown: unknown) => thrown);
    expect(otherEnded).toBe(true);
    expect(error).toMatchObject({ errors: [{ message: 'loop ledger failed', cause }] });
    expect(lines.filter((line) => line['level'] === 'error')).toMatchObject([{ loop: 'ledger' }]);
  });

  it('joins failures that come while the others end', async () => {
    const { logger } = captureLogs();
    const failsLate: Loop = async (signal) => {
      await untilAborted(signal).catch(() => undefined);
      throw new Error('and the second');
    };
    const run = runLoops(
      { a: () => Promise.reject(new Error('first')), b: failsLate },
      new AbortController().signal,
      logger,
    );
    const error: unknown = await run.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ errors: [{ message: 'loop a failed' }, { message: 'loop b failed' }] });
  });

  it('takes an abort from outside for no failure', async () => {
    const { logger, lines } = captureLogs();
    const controller = new AbortController();
    const run = runLoops({ a: untilAborted, b: untilAborted }, controller.signal, logger);
    controller.abort(new AppError('cancelled', 'ended by SIGTERM'));
    await run;
    expect(lines.filter((line) => line['level'] === 'error')).toEqual([]);
  });

  it('leaves the others running when one is simply done', async () => {
    const { logger } = captureLogs();
    const controller = new AbortController();
    let ended = false;
    const run = runLoops({ short: () => Promise.resolve(), long: untilAborted }, controller.signal, logger).then(() => {
      ended = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(false);
    controller.abort(new Error('done'));
    await run;
  });
});
