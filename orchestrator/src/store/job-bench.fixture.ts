// A job store under test, and the few steps that most tests begin with.
import { expect } from '@jest/globals';
import type { Job } from '../domain/job.ts';
import type { JobStore, StartRequest } from '../jobs/job-store.ts';
import { newJob, startOf } from './samples.fixture.ts';

/** A store that is closed by disposing. */
export type OpenJobStore = AsyncDisposable & { readonly jobs: JobStore };

/** Holds a fresh store for each test. */
export class JobBench {
  readonly #make: () => Promise<OpenJobStore>;
  #opened: OpenJobStore | undefined;

  constructor(make: () => Promise<OpenJobStore>) {
    this.#make = make;
  }

  async open(): Promise<void> {
    this.#opened = await this.#make();
  }

  async close(): Promise<void> {
    await this.#opened?.[Symbol.asyncDispose]();
  }

  get store(): JobStore {
    if (this.#opened === undefined) throw new Error('the store is not open');
    return this.#opened.jobs;
  }

  /** The job as it stands. */
  async jobNow(job: { readonly id: Job['id'] }): Promise<Job> {
    const found = await this.store.get(job.id);
    if (found === undefined) throw new Error('the job is gone');
    return found;
  }

  /** A job that was stored. */
  async submitted(facts: Parameters<typeof newJob>[0] = {}): Promise<Job> {
    const result = await this.store.submit(newJob(facts));
    if (result.kind !== 'stored') throw new Error(result.kind);
    return result.job;
  }

  /** An attempt of a job that was allowed to start. */
  async started(job: Job, taskIndex = 0): Promise<StartRequest> {
    const start = startOf(job, { taskIndex });
    expect((await this.store.allowStart(start)).kind).toBe('allowed');
    return start;
  }
}
