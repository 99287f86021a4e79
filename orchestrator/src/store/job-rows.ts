// Rows of the job tables to the domain's nouns and back. Null in a row is "unset" in the domain.
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Attempt, Job, JobSummary, Task, TaskCounts, TaskState } from '../domain/job.ts';
import { jobHasEnded, jobStateOf, recount } from '../domain/job-state.ts';
import type { attempts, jobs, tasks } from './schema.ts';

/** A row of jobs. */
export type JobRow = typeof jobs.$inferSelect;
/** A row of tasks. */
export type TaskRow = typeof tasks.$inferSelect;
/** A row of attempts. */
export type AttemptRow = typeof attempts.$inferSelect;

/** The counts in a job's row. */
export function countsOf(row: JobRow): TaskCounts {
  const { queued, assigned, running, succeeded, failed, cancelled, lost } = row;
  return { queued, assigned, running, succeeded, failed, cancelled, lost };
}

/** A job without its tasks. */
export function summaryOf(row: JobRow, spec: JobSpec): JobSummary {
  return {
    id: row.id,
    spec,
    state: row.state,
    taskCounts: countsOf(row),
    submittedAtMs: row.submittedAtMs,
    ...(row.startedAtMs === null ? {} : { startedAtMs: row.startedAtMs }),
    ...(row.finishedAtMs === null ? {} : { finishedAtMs: row.finishedAtMs }),
    ...(row.cancelRequestedAtMs === null ? {} : { cancelRequestedAtMs: row.cancelRequestedAtMs }),
    submittedBy: row.submittedBy,
    revision: row.revision,
  };
}

/** A job with its tasks. `attemptRows` are those of all its tasks, by task and number. */
export function jobOf(
  row: JobRow,
  spec: JobSpec,
  taskRows: readonly TaskRow[],
  attemptRows: readonly AttemptRow[],
): Job {
  const byTask = new Map<number, AttemptRow[]>();
  for (const attempt of attemptRows) {
    const known = byTask.get(attempt.taskIndex);
    if (known === undefined) byTask.set(attempt.taskIndex, [attempt]);
    else known.push(attempt);
  }
  return { ...summaryOf(row, spec), tasks: taskRows.map((task) => taskOf(task, byTask.get(task.index) ?? [])) };
}

/** A task with its attempts. */
export function taskOf(row: TaskRow, attemptRows: readonly AttemptRow[]): Task {
  return {
    index: row.index,
    state: taskStateOf(row),
    ...(row.nodeId === null ? {} : { nodeId: row.nodeId }),
    attempts: attemptRows.map(attemptOf),
  };
}

/** Where a row's task stands. */
export function taskStateOf(row: TaskRow): TaskState {
  const message = row.message === null ? {} : { message: row.message };
  switch (row.state) {
    case 'queued':
      return { kind: 'queued', ...message };
    case 'assigned':
    case 'running':
      return { kind: row.state };
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'lost': {
      const reason = row.endReason === null ? {} : { reason: row.endReason };
      return { kind: row.state, endedAtMs: row.endedAtMs ?? 0, ...reason, ...message };
    }
    default:
      return assertNever(row.state);
  }
}

/** A task's row with another state. */
export function withTaskState(row: TaskRow, state: TaskState): TaskRow {
  const cleared = { ...row, state: state.kind, message: null, endReason: null, endedAtMs: null };
  if (state.kind === 'assigned' || state.kind === 'running') return cleared;
  const message = state.message ?? null;
  if (state.kind === 'queued') return { ...cleared, message };
  return { ...cleared, message, endReason: state.reason ?? null, endedAtMs: state.endedAtMs };
}

/** An attempt. */
export function attemptOf(row: AttemptRow): Attempt {
  return {
    id: row.id,
    number: row.number,
    nodeId: row.nodeId,
    ledgerId: row.ledgerId,
    bootId: row.bootId,
    state: row.state,
    ...(row.stopRequested === null ? {} : { stopRequested: row.stopRequested }),
    startAllowedAtMs: row.startAllowedAtMs,
    streams: row.streams,
    logComplete: row.logComplete,
  };
}

/** A job's row after anything about it changed. */
export function revised(row: JobRow): JobRow {
  return { ...row, revision: row.revision + 1 };
}

/** A job's row with other counts, and what follows from them. `atMs` is when it ends, if it does. */
export function withCounts(row: JobRow, counts: TaskCounts, atMs: number): JobRow {
  const state = jobStateOf(counts);
  return { ...row, ...counts, state, finishedAtMs: jobHasEnded(state) ? (row.finishedAtMs ?? atMs) : null };
}

/** A job's row after one of its tasks moved. */
export function withTaskMoved(row: JobRow, from: TaskState['kind'], to: TaskState['kind'], atMs: number): JobRow {
  return from === to ? row : withCounts(row, recount(countsOf(row), from, to), atMs);
}
