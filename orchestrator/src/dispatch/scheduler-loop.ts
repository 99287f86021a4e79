// Places what waits whenever something may fit: a new job, a node that came, an attempt that ended.
import type { Dispatch } from './dispatch-state.ts';
import { placeWaiting } from './place-waiting.ts';

/** Runs until aborted; rejects with the signal's reason. */
export async function runSchedulerLoop(dispatch: Dispatch, signal: AbortSignal): Promise<void> {
  for (;;) {
    await dispatch.wakeup.wait(signal);
    placeWaiting(dispatch);
  }
}
