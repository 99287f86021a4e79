// A stream of jobs: as they are, then each change. A reader that is slow gets fewer, newer ones.
import { AppError } from '@muster/common/errors/app-error';
import type { JobId } from '@muster/common/ids/ids';
import type { Job, JobSummary } from '../domain/job.ts';
import type { JobFeed } from './job-feed.ts';
import type { JobStore } from './job-store.ts';
import { hasEnded } from './wait-for-job.ts';

/** What watching needs. */
export interface WatchDeps {
  readonly store: Pick<JobStore, 'get' | 'unfinished'>;
  readonly feed: JobFeed;
}

/** The named jobs, until all of them have ended. Throws NOT_FOUND for one that does not exist. */
export async function* watchNamedJobs(
  deps: WatchDeps,
  ids: readonly JobId[],
  signal: AbortSignal,
): AsyncGenerator<Job, void, void> {
  using watch = deps.feed.watch(ids);
  const open = new Set(ids);
  let changed: Iterable<JobId> = ids;
  const sent = new Map<JobId, number>();
  for (;;) {
    for (const id of changed) {
      const job = await deps.store.get(id);
      if (job === undefined) throw new AppError('not_found', `there is no job ${id}`, { field: 'job_ids' });
      if (hasEnded(job.state) && job.tasks.every((task) => task.attempts.every((each) => each.logComplete)))
        open.delete(id);
      if (sent.get(id) === job.revision) continue;
      sent.set(id, job.revision);
      yield job;
    }
    if (open.size === 0) return;
    const next = await watch.next(signal);
    changed = next.kind === 'resync' ? [...open] : next.ids;
  }
}

/** Every job that has not ended, then each that is new or changes, without their tasks. Never ends by itself. */
export async function* watchAllJobs(deps: WatchDeps, signal: AbortSignal): AsyncGenerator<JobSummary, void, void> {
  using watch = deps.feed.watch(undefined);
  yield* await deps.store.unfinished();
  for (;;) {
    const next = await watch.next(signal);
    if (next.kind === 'resync') {
      yield* await deps.store.unfinished();
      continue;
    }
    for (const id of next.ids) {
      const job = await deps.store.get(id);
      if (job !== undefined) yield job;
    }
  }
}
