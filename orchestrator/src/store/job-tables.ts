// The job tables as the operations on them see them: typed statements, specs, and how rows become the domain's nouns.

import { AppError } from '@muster/common/errors/app-error';
import type { JobId } from '@muster/common/ids/ids';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Job, JobSummary, Task } from '../domain/job.ts';
import type { Orm } from './database.ts';
import { type JobRow, jobOf, summaryOf, type TaskRow, taskOf } from './job-rows.ts';
import { attemptStatements, jobStatements, taskStatements } from './job-statements.ts';
import { SpecCache } from './spec-cache.ts';

/** The tables. All calls are synchronous; those that write belong inside a transaction. */
export interface JobTables {
  readonly jobs: ReturnType<typeof jobStatements>;
  readonly tasks: ReturnType<typeof taskStatements>;
  readonly attempts: ReturnType<typeof attemptStatements>;
  readonly specs: SpecCache;
  specOf(jobId: JobId): JobSpec;
  summary(row: JobRow): JobSummary;
  /** With tasks and attempts: cost grows with the number of tasks. */
  whole(row: JobRow): Job;
  /** A task with its attempts, read anew. */
  task(row: TaskRow): Task;
  /** The job's row. Throws data_loss when a row that names it is there and it is not. */
  requireJob(jobId: JobId): JobRow;
}

/** Prepares the statements. */
export function makeJobTables(orm: Orm): JobTables {
  const tables = { jobs: jobStatements(orm), tasks: taskStatements(orm), attempts: attemptStatements(orm) };
  const specs = new SpecCache();
  const specOf = (jobId: JobId): JobSpec =>
    specs.get(jobId, () => tables.jobs.specBytes(jobId) ?? fail(`job ${jobId} has no spec`));
  return {
    ...tables,
    specs,
    specOf,
    summary: (row) => summaryOf(row, specOf(row.id)),
    whole: (row) => {
      const onlyQueued = row.queued > 0 && row.state === 'queued';
      const taskRows = tables.tasks.ofJob(row.id);
      // A job that was never assigned has no attempts; at a start with many queued jobs that saves half the statements.
      const tried = !onlyQueued || taskRows.some((task) => task.attemptCount > 0);
      return jobOf(row, specOf(row.id), taskRows, tried ? tables.attempts.ofJob(row.id) : []);
    },
    task: (row) => taskOf(row, row.attemptCount === 0 ? [] : tables.attempts.ofTask(row.jobId, row.index)),
    requireJob: (jobId) => tables.jobs.byId(jobId) ?? fail(`there is no row of job ${jobId}`),
  };
}

function fail(message: string): never {
  throw new AppError('data_loss', `the store contradicts itself: ${message}`);
}
