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

/**
 * Every job that has not ended, then each that is new or changes, without their tasks; each revision once. Never ends by itself.
 * Where more changed than the feed may hold, a job that both came and ended meanwhile is not shown.
 */
export async function* watchAllJobs(deps: WatchDeps, signal: AbortSignal): AsyncGenerator<JobSummary, void, void> {
  using watch = deps.feed.watch(undefined);
  const shown = new ShownJobs();
  yield* shown.newOf(await deps.store.unfinished());
  for (;;) {
    const next = await watch.next(signal);
    if (next.kind === 'jobs') {
      yield* changedJobs(deps, shown, next.ids);
      continue;
    }
    const unfinished = await deps.store.unfinished();
    yield* shown.newOf(unfinished);
    yield* changedJobs(deps, shown, shown.openBeside(unfinished));
  }
}

async function* changedJobs(
  deps: WatchDeps,
  shown: ShownJobs,
  ids: Iterable<JobId>,
): AsyncGenerator<JobSummary, void, void> {
  for (const id of ids) {
    const job = await deps.store.get(id);
    if (job !== undefined) yield* shown.newOf([job]);
  }
}

/** The jobs that a watcher has seen and that had not ended then, with the revision it saw. */
class ShownJobs {
  readonly #open = new Map<JobId, number>();

  /** Those that it has not seen as they are; they count as seen. */
  *newOf(jobs: Iterable<JobSummary>): Generator<JobSummary, void, void> {
    for (const job of jobs) {
      const seen = this.#open.get(job.id);
      if (seen !== undefined && seen >= job.revision) continue;
      if (hasEnded(job.state)) this.#open.delete(job.id);
      else this.#open.set(job.id, job.revision);
      yield job;
    }
  }

  /** Those that are not among these: they must have ended. */
  openBeside(unfinished: readonly JobSummary[]): readonly JobId[] {
    const still = new Set(unfinished.map((job) => job.id));
    return [...this.#open.keys()].filter((id) => !still.has(id));
  }
}
