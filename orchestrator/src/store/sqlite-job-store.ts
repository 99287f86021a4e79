// The job store on SQLite: each method of the port as one part of a group commit, reads at once on what is committed.
import type { AttemptId, JobId, NodeId } from '@muster/common/ids/ids';
import type { Job } from '../domain/job.ts';
import type { JobFilter, JobPage, JobStore, UnsettledAttempt } from '../jobs/job-store.ts';
import type { Orm } from './database.ts';
import type { GroupCommit } from './group-commit.ts';
import { endQueued, noteWaiting, requestCancel } from './job-ending.ts';
import { listJobs } from './job-list.ts';
import { allowStart, closeAsLost, completeLog, recordStatus, requestStop } from './job-progress.ts';
import { attemptOf, taskOf } from './job-rows.ts';
import { submitJob } from './job-submission.ts';
import { type JobTables, makeJobTables } from './job-tables.ts';
import { reading } from './reading.ts';

/** Makes the store; `commit` and `orm` are of the same database. */
export function makeSqliteJobStore(orm: Orm, commit: GroupCommit): JobStore {
  const tables = makeJobTables(orm);
  return { ...writes(tables, commit), ...reads(tables, orm) };
}

type Writes = Omit<JobStore, keyof Reads>;
type Reads = Pick<JobStore, 'get' | 'findAttempt' | 'list' | 'unfinished' | 'unsettled'>;

function writes(tables: JobTables, commit: GroupCommit): Writes {
  return {
    submit: (job) => commit.run(() => submitJob(tables, job)),
    allowStart: (request) => commit.run(() => allowStart(tables, request)),
    recordStatus: (report) => commit.run(() => recordStatus(tables, report)),
    requestCancel: (jobId, atMs) => commit.run(() => requestCancel(tables, jobId, atMs)),
    endQueuedTask: (jobId, taskIndex, reason, message, atMs) =>
      commit.run(() => endQueued(tables, jobId, taskIndex, { kind: 'gave_up_waiting', reason, message, atMs })),
    failQueuedTask: (jobId, taskIndex, message, atMs) =>
      commit.run(() => endQueued(tables, jobId, taskIndex, { kind: 'refused', message, atMs })),
    noteWaiting: async (jobId, taskIndex, message) =>
      commit.runLazily(() => noteWaiting(tables, jobId, taskIndex, message)),
    closeAsLost: (attemptIds, reason, message, atMs) =>
      commit.run(() =>
        attemptIds.map((id) => closeAsLost(tables, id, { kind: 'closed_as_lost', reason, message, atMs })),
      ),
    requestStop: (attemptId, reason) => commit.run(() => requestStop(tables, attemptId, reason)),
    completeLog: (attemptId, streams) => commit.run(() => completeLog(tables, attemptId, streams)),
  };
}

function reads(tables: JobTables, orm: Orm): Reads {
  return {
    get: (jobId) => reading(() => wholeJob(tables, jobId)),
    findAttempt: (attemptId) => reading(() => findAttempt(tables, attemptId)),
    list: (filter, limit, after) => reading(() => page(tables, orm, filter, limit, after)),
    unfinished: () => reading(() => tables.jobs.unfinished().map((row) => tables.whole(row))),
    unsettled: (nodeId) => reading(() => unsettled(tables, nodeId)),
  };
}

function wholeJob(tables: JobTables, jobId: JobId): Job | undefined {
  const row = tables.jobs.byId(jobId);
  return row === undefined ? undefined : tables.whole(row);
}

function findAttempt(tables: JobTables, attemptId: AttemptId): Awaited<ReturnType<JobStore['findAttempt']>> {
  const attempt = tables.attempts.byId(attemptId);
  const task = attempt === undefined ? undefined : tables.tasks.byIndex(attempt.jobId, attempt.taskIndex);
  if (attempt === undefined || task === undefined) return undefined;
  return {
    job: tables.summary(tables.requireJob(attempt.jobId)),
    task: taskOf(task, tables.attempts.ofTask(task.jobId, task.index)),
    attempt: attemptOf(attempt),
  };
}

function page(tables: JobTables, orm: Orm, filter: JobFilter, limit: number, after: JobId | undefined): JobPage {
  // One more than asked for tells whether there is a next page.
  const rows = listJobs(orm, filter, limit + 1, after);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? { next: last.id } : {};
  return { jobs: shown.map((row) => tables.summary(row)), ...next };
}

function unsettled(tables: JobTables, nodeId: NodeId | undefined): readonly UnsettledAttempt[] {
  return tables.attempts.unsettled(nodeId).map((row) => ({
    jobId: row.jobId,
    taskIndex: row.taskIndex,
    spec: tables.specOf(row.jobId),
    attempt: attemptOf(row),
  }));
}
