// Waiting until a job has ended, for callers that want one answer.
import { type Clock, withDeadline } from '@muster/common/clock/clock';
import type { Job, JobState } from '../domain/job.ts';
import type { JobFeed } from './job-feed.ts';
import type { JobStore } from './job-store.ts';

const ended: ReadonlySet<JobState> = new Set(['succeeded', 'failed', 'cancelled', 'lost']);

/** Whether a job in this state never changes its state again. */
export function hasEnded(state: JobState): boolean {
  return ended.has(state);
}

/**
 * Resolves with the job as it stands once it has ended, or after `waitMs`. Rejects with the signal's reason when aborted.
 * The watch begins before the job is read, so no change falls in between.
 */
export async function waitForJob(
  deps: { readonly store: Pick<JobStore, 'get'>; readonly feed: JobFeed; readonly clock: Clock },
  job: Job,
  waitMs: number,
  signal: AbortSignal,
): Promise<Job> {
  using watch = deps.feed.watch([job.id]);
  using deadline = withDeadline(deps.clock, waitMs, signal);
  let newest = (await deps.store.get(job.id)) ?? job;
  while (!hasEnded(newest.state)) {
    try {
      await watch.next(deadline.signal);
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      return newest;
    }
    newest = (await deps.store.get(job.id)) ?? newest;
  }
  return newest;
}
