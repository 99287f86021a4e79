// What dispatch begins with after a start of the orchestrator: everything the store has not finished.
import { isActive } from './attempt-book.ts';
import type { Dispatch } from './dispatch-state.ts';
import { enqueueJob } from './enqueue.ts';

/** Loads queue and attempts. Call it before the first session is let in. */
export async function loadWork(dispatch: Dispatch): Promise<void> {
  for (const job of await dispatch.store.unfinished()) enqueueJob(dispatch, job);
  for (const entry of await dispatch.store.unsettled()) {
    dispatch.book.enter(entry);
    if (isActive(entry.attempt)) continue;
    const lengths = entry.attempt.streams.flatMap(({ run, stream, producedBytes }) =>
      producedBytes === undefined ? [] : [{ run, stream, lengthBytes: producedBytes }],
    );
    dispatch.logs.lengthsKnown(entry.attempt.id, lengths);
  }
}
