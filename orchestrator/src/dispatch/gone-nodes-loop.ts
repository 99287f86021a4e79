// Attempts of nodes that are gone for good: no session of such a node is ever let in again, so what is not known yet never will be. They are
// closed as lost, and logs that are incomplete stay so. One look a second at all that is open, so that nothing is missed by a crash between
// the end of a node and this.
import type { LostReason } from '../domain/job.ts';
import { isActive, type OpenAttempt } from './attempt-book.ts';
import type { Dispatch } from './dispatch-state.ts';
import { applyResult, lengthsOf } from './status-intake.ts';

const PERIOD_MS = 1_000;

const why: Readonly<Record<'removed' | 'replaced', { readonly reason: LostReason; readonly message: string }>> = {
  replaced: {
    reason: 'ledger_changed',
    message: 'its machine was enrolled anew without the state directory it had, so nobody knows how it ended',
  },
  removed: { reason: 'node_lost', message: 'its node was removed, so nobody knows how it ended' },
};

/** Runs until aborted; rejects with the signal's reason. What cannot be stored is tried again at the next look. */
export async function runGoneNodesLoop(dispatch: Dispatch, signal: AbortSignal): Promise<void> {
  for (;;) {
    await dispatch.clock.sleep(PERIOD_MS, signal);
    for (const entry of [...dispatch.book.open()]) {
      const end = dispatch.nodes.endOf(entry.attempt.nodeId);
      if (end !== undefined)
        dispatch.background('close an attempt of a node that is gone', close(dispatch, entry, end));
    }
  }
}

async function close(dispatch: Dispatch, { attempt }: OpenAttempt, end: 'removed' | 'replaced'): Promise<void> {
  if (!isActive(attempt)) {
    dispatch.logs.endLog(attempt.id, lengthsOf(attempt.streams));
    return;
  }
  const { reason, message } = why[end];
  const results = await dispatch.store.closeAsLost([attempt.id], reason, message, dispatch.clock.nowMs());
  for (const result of results) applyResult(dispatch, result, undefined);
}
