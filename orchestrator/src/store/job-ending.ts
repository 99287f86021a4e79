// Ends that do not come from an attempt: cancels, and tasks that give up waiting. Runs inside a transaction.
import type { JobId } from '@muster/common/ids/ids';
import { hasEnded, requestStopOf } from '../domain/attempt-machine.ts';
import type { Attempt, JobSummary } from '../domain/job.ts';
import { jobHasEnded } from '../domain/job-state.ts';
import { moveTask, type TaskEvent } from '../domain/task-machine.ts';
import type { CancelResult } from '../jobs/job-store.ts';
import {
  attemptOf,
  countsOf,
  type JobRow,
  revised,
  taskStateOf,
  withCounts,
  withTaskMoved,
  withTaskState,
} from './job-rows.ts';
import type { JobTables } from './job-tables.ts';

/** Stores a cancel: queued tasks end, attempts that may run are to be stopped. Repeated, it changes nothing. */
export function requestCancel(tables: JobTables, jobId: JobId, atMs: number): CancelResult {
  const job = tables.jobs.byId(jobId);
  if (job === undefined) return { kind: 'not_found' };
  if (jobHasEnded(job.state)) return { kind: 'already_ended', job: tables.whole(job) };
  const { toStop, changed } = stopAttempts(tables, jobId);
  const cancelled = cancelQueued(tables, job, atMs);
  const stamped = { ...cancelled, cancelRequestedAtMs: job.cancelRequestedAtMs ?? atMs };
  const anything = changed || cancelled !== job || job.cancelRequestedAtMs === null;
  const after = anything ? revised(stamped) : job;
  if (anything) tables.jobs.update(after);
  return { kind: 'requested', job: tables.whole(after), toStop };
}

/** All queued tasks of a job move alike, so one statement does for thousands. */
function cancelQueued(tables: JobTables, job: JobRow, atMs: number): JobRow {
  const move = moveTask({ kind: 'queued' }, { kind: 'cancel_requested', atMs });
  if (move.kind === 'ignored' || job.queued === 0) return job;
  const pattern = { jobId: job.id, index: 0, nodeId: null, attemptCount: 0 };
  const blank = { ...pattern, state: 'queued', message: null, endReason: null, endedAtMs: null } as const;
  const count = tables.tasks.moveQueued(withTaskState(blank, move.state));
  const counts = countsOf(job);
  return withCounts(job, { ...counts, queued: counts.queued - count, cancelled: counts.cancelled + count }, atMs);
}

function stopAttempts(tables: JobTables, jobId: JobId): { toStop: readonly Attempt[]; changed: boolean } {
  const toStop: Attempt[] = [];
  let changed = false;
  for (const attempt of tables.attempts.ofJob(jobId)) {
    if (hasEnded(attempt.state)) continue;
    const move = requestStopOf(attempt.state, attempt.stopRequested ?? undefined, 'cancel');
    const stopping = move.kind === 'requested' ? { ...attempt, stopRequested: move.reason } : attempt;
    if (stopping !== attempt) {
      tables.attempts.update(stopping);
      changed = true;
    }
    toStop.push(attemptOf(stopping));
  }
  return { toStop, changed };
}

/** Ends a task that is still queued. Undefined: it is not. */
export function endQueued(
  tables: JobTables,
  jobId: JobId,
  taskIndex: number,
  event: Extract<TaskEvent, { kind: 'gave_up_waiting' | 'refused' }>,
): JobSummary | undefined {
  const task = tables.tasks.byIndex(jobId, taskIndex);
  if (task === undefined) return undefined;
  const move = moveTask(taskStateOf(task), event);
  if (move.kind === 'ignored') return undefined;
  const job = revised(withTaskMoved(tables.requireJob(jobId), task.state, move.state.kind, event.atMs));
  tables.tasks.update(withTaskState(task, move.state));
  tables.jobs.update(job);
  return tables.summary(job);
}

/** Says why a task waits, if it still does. */
export function noteWaiting(tables: JobTables, jobId: JobId, taskIndex: number, message: string): void {
  if (tables.tasks.note(jobId, taskIndex, message)) tables.jobs.bump(jobId);
}
