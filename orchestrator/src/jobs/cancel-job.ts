// Cancelling: stored first, then said to whoever may run it. It is said again in every session until the end is known.
import type { Clock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';
import type { JobId } from '@muster/common/ids/ids';
import type { Attempt, Job } from '../domain/job.ts';
import type { JobStore } from './job-store.ts';

/** What cancelling needs. */
export interface CancelDeps {
  readonly store: Pick<JobStore, 'requestCancel'>;
  /** Takes the job's tasks out of the queue, withdraws their offers, and stops the attempts. */
  readonly stop: (job: Job, toStop: readonly Attempt[]) => void;
  readonly clock: Clock;
}

/** Asks for a job's end. On one that has ended it changes nothing. Throws NOT_FOUND. */
export async function cancelJob(deps: CancelDeps, jobId: JobId): Promise<Job> {
  const result = await deps.store.requestCancel(jobId, deps.clock.nowMs());
  switch (result.kind) {
    case 'requested':
      deps.stop(result.job, result.toStop);
      return result.job;
    case 'already_ended':
      return result.job;
    case 'not_found':
      throw new AppError('not_found', `there is no job ${jobId}`, { field: 'job_id' });
  }
}
