// Deadlines of what waits: offers without an answer go elsewhere, tasks over their queue timeout end. One look a second for all of them,
// so a queue timeout may come up to a second late; it is a limit of seconds to days.
import type { Dispatch } from './dispatch-state.ts';
import { takeBack } from './offer-replies.ts';
import type { WaitingTask } from './waiting-queue.ts';

const PERIOD_MS = 1_000;

/** Runs until aborted; rejects with the signal's reason. */
export async function runDeadlineLoop(dispatch: Dispatch, signal: AbortSignal): Promise<void> {
  for (;;) {
    await dispatch.clock.sleep(PERIOD_MS, signal);
    for (const offer of dispatch.offers.overdue(dispatch.clock.monotonicMs())) {
      dispatch.logger.warn(
        { nodeId: offer.session.nodeId, attemptId: offer.attemptId },
        'the node did not answer an offer in time; the task goes elsewhere',
      );
      takeBack(dispatch, offer);
    }
    for (const task of dispatch.queue.overdue(dispatch.clock.nowMs())) {
      dispatch.background('end a task over its queue timeout', endTask(dispatch, task));
    }
  }
}

async function endTask(dispatch: Dispatch, task: WaitingTask): Promise<void> {
  dispatch.queue.remove(task.jobId, task.taskIndex);
  const message = 'waited longer than its queue timeout for a node';
  await dispatch.store.endQueuedTask(task.jobId, task.taskIndex, 'queue_timeout', message, dispatch.clock.nowMs());
  dispatch.feed.notify(task.jobId);
}
