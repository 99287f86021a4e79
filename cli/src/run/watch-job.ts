/** Watches a job to its end, over lost connections. */
import { AppError } from '@muster/common/errors/app-error';
import type { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import { type Job, JobState } from '@muster/gen/muster/job/v1/status_pb';
import type { ServiceClient } from '../client/control-door.ts';
import { isWorthRetrying } from '../client/failure.ts';
import type { Link } from './link.ts';

/** Whether a job has ended; also right for states that this version has no name for. */
export function hasEnded(job: Job): boolean {
  if (job.finishedTime !== undefined) return true;
  const { state } = job;
  return (
    state === JobState.SUCCEEDED || state === JobState.FAILED || state === JobState.CANCELLED || state === JobState.LOST
  );
}

/** The orchestrator ended the watch while the job goes on: it is stopping. */
class WatchEndedEarly extends Error {
  override readonly name = 'WatchEndedEarly';
}

/**
 * The job as it ended.
 * @param onChange called with each newer state of it, the first and the last included
 */
export async function watchUntilEnded(
  deps: { readonly jobs: ServiceClient<typeof JobService>; readonly link: Link },
  jobId: string,
  onChange: (job: Job) => void,
  signal: AbortSignal,
): Promise<Job> {
  let newest: Job | undefined;
  const watch = async (healthy: () => void): Promise<Job> => {
    for await (const { job } of deps.jobs.watchJobs({ jobIds: [jobId] }, { signal })) {
      healthy();
      if (job === undefined || (newest !== undefined && job.revision < newest.revision)) continue;
      newest = job;
      onChange(job);
      if (hasEnded(job)) return job;
    }
    throw new WatchEndedEarly('the orchestrator ended the watch');
  };
  const mayRetry = (thrown: unknown): boolean => thrown instanceof WatchEndedEarly || isWorthRetrying(thrown);
  const job = await deps.link.keep(watch, signal, mayRetry);
  if (job.id !== jobId) throw new AppError('internal', `the orchestrator sent job ${job.id} for ${jobId}`);
  return job;
}
