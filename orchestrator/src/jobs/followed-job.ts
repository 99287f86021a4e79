// A job that several readers follow together: after a change it is read from the store once for all of them. A job for a thousand nodes
// changes thousands of times, and reading it costs as much as it has tasks.
import { AppError } from '@muster/common/errors/app-error';
import type { JobId } from '@muster/common/ids/ids';
import type { Job } from '../domain/job.ts';
import type { JobFeed, JobWatch } from './job-feed.ts';
import type { JobStore } from './job-store.ts';

/** What following needs. */
export interface FollowedJobDeps {
  readonly store: Pick<JobStore, 'get'>;
  readonly feed: JobFeed;
}

/** The job. Dispose it when its readers have left. */
export class FollowedJob implements Disposable {
  readonly #store: Pick<JobStore, 'get'>;
  readonly #jobId: JobId;
  readonly #watch: JobWatch;
  readonly #end = new AbortController();
  /** Unset: nothing was read yet, or it changed since. */
  #job: Job | undefined;
  #looking: Promise<Job> | undefined;

  constructor(deps: FollowedJobDeps, jobId: JobId) {
    this.#store = deps.store;
    this.#jobId = jobId;
    this.#watch = deps.feed.watch([jobId]);
  }

  /** The job as it stands. Throws NOT_FOUND. */
  async current(): Promise<Job> {
    return this.#job === undefined || this.#watch.pending ? await this.#look() : this.#job;
  }

  /** The job once it has changed since it was as `seen`. Rejects with the signal's reason when aborted. */
  async changedSince(seen: Job, signal: AbortSignal): Promise<Job> {
    let job = await this.current();
    while (job.revision === seen.revision) job = await unlessAborted(this.#look(), signal);
    return job;
  }

  /** Ends all waiting. */
  [Symbol.dispose](): void {
    this.#end.abort(new AppError('cancelled', 'the readers have left'));
    this.#watch[Symbol.dispose]();
  }

  #look(): Promise<Job> {
    this.#looking ??= this.#read().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #read(): Promise<Job> {
    if (this.#job !== undefined) await this.#watch.next(this.#end.signal);
    // Until the new one is here nobody may take the old one for current.
    this.#job = undefined;
    const job = await this.#store.get(this.#jobId);
    if (job === undefined) throw new AppError('not_found', `there is no job ${this.#jobId}`, { field: 'job_id' });
    this.#job = job;
    return job;
  }
}

/** What others wait for too, until this one's signal. Rejects with its reason. */
function unlessAborted<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const leave = (): void => signal.removeEventListener('abort', onAbort);
    void shared.then(resolve, reject).then(leave);
  });
}
