// Deadlines of what waits: offers without an answer go elsewhere, tasks over their queue timeout end, and so do tasks for one node that is
// out of contact. One look a second for all of them, so each may come up to a second late; they are limits of seconds to days.
import type { Dispatch } from './dispatch-state.ts';
import { takeBack } from './offer-replies.ts';
import type { WaitingTask } from './waiting-queue.ts';

const PERIOD_MS = 1_000;

/** Runs until aborted; rejects with the signal's reason. */
export async function runDeadlineLoop(dispatch: Dispatch, signal: AbortSignal): Promise<void> {
  for (;;) {
    await dispatch.clock.sleep(PERIOD_MS, signal);
    forgiveSilence(dispatch);
    endOffers(dispatch);
    skipUnreachable(dispatch);
    for (const task of dispatch.queue.overdue(dispatch.clock.nowMs())) {
      giveUp(dispatch, task, 'queue_timeout', 'waited longer than its queue timeout for a node');
    }
  }
}

function forgiveSilence(dispatch: Dispatch): void {
  for (const [session, sinceMs] of dispatch.unresponsive) {
    if (!session.ended && session.heardAtMs <= sinceMs) continue;
    dispatch.unresponsive.delete(session);
    dispatch.wakeup.notify();
  }
}

function endOffers(dispatch: Dispatch): void {
  const nowMs = dispatch.clock.monotonicMs();
  for (const offer of dispatch.offers.overdue(nowMs)) {
    const { session, attemptId } = offer;
    dispatch.logger.warn(
      { nodeId: session.nodeId, attemptId },
      'the node did not answer an offer in time; the task goes elsewhere, and the node gets no other until it says something',
    );
    dispatch.unresponsive.set(session, nowMs);
    takeBack(dispatch, offer);
  }
}

/** A job for every node reports those that cannot be reached instead of waiting for them, at submission and afterwards. */
function skipUnreachable(dispatch: Dispatch): void {
  for (const [nodeId, tasks] of dispatch.queue.pinned()) {
    if (!dispatch.nodes.outOfContact(nodeId)) continue;
    const name = dispatch.nodes.get(nodeId)?.name ?? nodeId;
    const message = `node ${name} went out of contact before the task could start there`;
    for (const task of tasks) giveUp(dispatch, task, 'skipped_unreachable', message);
  }
}

/** Why the loop ends a task. */
type Reason = 'queue_timeout' | 'skipped_unreachable';

function giveUp(dispatch: Dispatch, task: WaitingTask, reason: Reason, message: string): void {
  dispatch.queue.remove(task.jobId, task.taskIndex);
  dispatch.background('end a task that waited', endTask(dispatch, task, reason, message));
}

async function endTask(dispatch: Dispatch, task: WaitingTask, reason: Reason, message: string): Promise<void> {
  try {
    await dispatch.store.endQueuedTask(task.jobId, task.taskIndex, reason, message, dispatch.clock.nowMs());
  } catch (thrown) {
    // Nothing was stored, so it waits on; the next look tries again.
    dispatch.queue.add(task);
    throw thrown;
  }
  dispatch.feed.notify(task.jobId);
}
