// Storing a job with its tasks. Runs inside a transaction.
import { toBinary } from '@bufbuild/protobuf';
import { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { TaskState } from '../domain/job.ts';
import { countTasks, noTasks } from '../domain/job-state.ts';
import { moveTask } from '../domain/task-machine.ts';
import type { NewJob, NewTask, SubmitResult } from '../jobs/job-store.ts';
import { type JobRow, jobOf, type TaskRow, withCounts, withTaskState } from './job-rows.ts';
import type { JobTables } from './job-tables.ts';

/** Stores the job, or finds the one with the same request id. */
export function submitJob(tables: JobTables, job: NewJob): SubmitResult {
  const earlier = job.requestId === undefined ? undefined : tables.jobs.byRequest(job.requestId);
  if (earlier !== undefined) {
    if (earlier.specDigest !== job.specDigest) return { kind: 'request_id_reused' };
    return { kind: 'repeated', job: tables.whole(earlier) };
  }
  const taskRows = job.tasks.map((task, index) => newTaskRow(job, task, index));
  const row = newJobRow(job, taskRows);
  const specBytes = toBinary(JobSpecSchema, job.spec);
  tables.jobs.insert(row);
  tables.jobs.insertSpec(job.id, specBytes);
  for (const [key, value] of Object.entries(job.spec.labels)) tables.jobs.insertLabel(job.id, key, value);
  for (const task of taskRows) tables.tasks.insert(task);
  tables.specs.put(job.id, job.spec, specBytes.byteLength);
  return { kind: 'stored', job: jobOf(row, job.spec, taskRows, []) };
}

function newJobRow(job: NewJob, taskRows: readonly TaskRow[]): JobRow {
  const counts = countTasks(taskRows.map((task) => ({ kind: task.state, endedAtMs: job.submittedAtMs })));
  const row: JobRow = {
    id: job.id,
    state: 'queued',
    ...noTasks,
    submittedAtMs: job.submittedAtMs,
    startedAtMs: null,
    finishedAtMs: null,
    cancelRequestedAtMs: null,
    submittedBy: job.submittedBy,
    requestId: job.requestId ?? null,
    specDigest: job.specDigest,
    revision: 1,
  };
  return withCounts(row, counts, job.submittedAtMs);
}

function newTaskRow(job: NewJob, task: NewTask, index: number): TaskRow {
  const empty: TaskRow = {
    jobId: job.id,
    index,
    state: 'queued',
    message: null,
    endReason: null,
    endedAtMs: null,
    nodeId: task.nodeId ?? null,
    attemptCount: 0,
  };
  return task.kind === 'queued' ? empty : withTaskState(empty, skipped(task.message, job.submittedAtMs));
}

function skipped(message: string, atMs: number): TaskState {
  const queued: TaskState = { kind: 'queued' };
  const move = moveTask(queued, { kind: 'gave_up_waiting', reason: 'skipped_unreachable', message, atMs });
  return move.kind === 'moved' ? move.state : queued;
}
