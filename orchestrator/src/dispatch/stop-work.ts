// A cancel that is stored is said to whoever may run the job.
import type { Attempt } from '../domain/job.ts';
import type { WaitingJob } from '../jobs/submit-job.ts';
import type { Dispatch } from './dispatch-state.ts';

/** Takes a job's tasks out of the queue, withdraws their offers, and stops the attempts that may run. */
export function stopWork(dispatch: Dispatch, job: Pick<WaitingJob, 'id' | 'tasks'>, toStop: readonly Attempt[]): void {
  for (const task of job.tasks) {
    dispatch.queue.remove(job.id, task.index);
    const offer = dispatch.offers.ofTask(job.id, task.index);
    // While its start is being committed the commit decides: it finds the task no longer queued, and withdraws.
    if (offer === undefined || offer.allowing !== undefined) continue;
    dispatch.offers.remove(offer.attemptId);
    offer.session.assign({ kind: 'withdraw', attemptId: offer.attemptId });
  }
  for (const attempt of toStop) {
    dispatch.book.update(attempt);
    if (attempt.stopRequested === undefined) continue;
    dispatch.sessions
      .get(attempt.nodeId)
      ?.assign({ kind: 'stop', attemptId: attempt.id, stoppedBy: attempt.stopRequested });
  }
  dispatch.feed.notify(job.id);
}
