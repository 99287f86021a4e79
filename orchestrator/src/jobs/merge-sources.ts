// Several sources of events as one, at the pace of whoever reads: each source holds one event while it waits for its turn.
import { AppError } from '@muster/common/errors/app-error';
import { BoundedQueue } from '@muster/common/queue/bounded-queue';

/** One event waits for the reader; the next is asked for when it has taken it. */
const EVENTS_WAITING = 1;

/**
 * The events of all sources as they come, of at most `atOnce` sources at a time; the rest are opened as these end. The first failure ends
 * all. When this has ended, or its reader has left, no source is open any more.
 * @throws the first source's failure as AppError; the signal's reason when aborted
 */
export async function* mergeSources<S, T>(
  sources: readonly S[],
  atOnce: number,
  open: (source: S, signal: AbortSignal) => AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  const controller = new AbortController();
  const ending = AbortSignal.any([signal, controller.signal]);
  const queue = new BoundedQueue<T>({ capacity: EVENTS_WAITING, overflow: 'wait' });
  const waiting = [...sources];
  const pump = async (): Promise<void> => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      for await (const event of open(source, ending)) await queue.push(event, ending);
    }
  };
  const pumps = sources.slice(0, atOnce).map(pump);
  const closed = Promise.all(pumps).then(
    () => queue.close(),
    (thrown: unknown) => queue.close(AppError.from(thrown)),
  );
  try {
    yield* queue;
  } finally {
    controller.abort(new AppError('cancelled', 'the reader has left'));
    await Promise.allSettled([...pumps, closed]);
  }
}
