// What moves attempts, and with them tasks and jobs. Runs inside a transaction; the machines of domain/ decide.
import type { AttemptId } from '@muster/common/ids/ids';
import { type AttemptEvent, hasEnded, moveAttempt, requestStopOf } from '../domain/attempt-machine.ts';
import type { Attempt, AttemptState, StopReason, StreamTally, TaskState } from '../domain/job.ts';
import { moveTask } from '../domain/task-machine.ts';
import type { StartRequest, StartResult, StatusReport, StatusResult } from '../jobs/job-store.ts';
import {
  type AttemptRow,
  attemptOf,
  type JobRow,
  revised,
  type TaskRow,
  taskOf,
  taskStateOf,
  withTaskMoved,
  withTaskState,
} from './job-rows.ts';
import type { JobTables } from './job-tables.ts';

/** Commits the permission to start, if the task is still queued. */
export function allowStart(tables: JobTables, request: StartRequest): StartResult {
  const task = tables.tasks.byIndex(request.jobId, request.taskIndex);
  if (task === undefined) return { kind: 'not_queued' };
  const move = moveTask(taskStateOf(task), { kind: 'start_allowed' });
  if (move.kind === 'ignored') return { kind: 'not_queued' };
  const assigned = { ...withTaskState(task, move.state), attemptCount: task.attemptCount + 1 };
  const attempt: AttemptRow = {
    id: request.attemptId,
    jobId: request.jobId,
    taskIndex: request.taskIndex,
    number: assigned.attemptCount,
    nodeId: request.nodeId,
    ledgerId: request.ledgerId,
    bootId: request.bootId,
    state: { kind: 'start_allowed' },
    stopRequested: null,
    startAllowedAtMs: request.atMs,
    streams: [],
    logComplete: false,
  };
  const job = revised(withTaskMoved(tables.requireJob(request.jobId), task.state, assigned.state, request.atMs));
  tables.tasks.update(assigned);
  tables.attempts.insert(attempt);
  tables.jobs.update(job);
  return { kind: 'allowed', job: tables.summary(job), attempt: attemptOf(attempt) };
}

/** Applies a node's report. */
export function recordStatus(tables: JobTables, report: StatusReport): StatusResult {
  const attempt = tables.attempts.byId(report.attemptId);
  if (attempt === undefined || attempt.nodeId !== report.nodeId) return { kind: 'unknown' };
  const event: AttemptEvent = { kind: 'reported', state: report.state };
  return applyEvent(tables, withLengths(attempt, report), event, report.atMs, attempt.streams);
}

/** Closes an attempt as lost, if it has not ended. */
export function closeAsLost(
  tables: JobTables,
  attemptId: AttemptId,
  event: Extract<AttemptEvent, { kind: 'closed_as_lost' }>,
): StatusResult {
  const attempt = tables.attempts.byId(attemptId);
  if (attempt === undefined) return { kind: 'unknown' };
  return applyEvent(tables, attempt, event, event.atMs, attempt.streams);
}

/** Stores that a log is complete. An attempt that has not ended, or whose log is complete, stays as it is. */
export function completeLog(tables: JobTables, attemptId: AttemptId, streams: readonly StreamTally[]): StatusResult {
  const attempt = tables.attempts.byId(attemptId);
  if (attempt === undefined) return { kind: 'unknown' };
  if (attempt.logComplete || !hasEnded(attempt.state)) return resultOf(tables, 'ignored', attempt);
  const completed = { ...attempt, streams, logComplete: true };
  tables.attempts.update(completed);
  tables.jobs.bump(attempt.jobId);
  return resultOf(tables, 'moved', completed);
}

/** Asks for an attempt's stop. Undefined: none such, or it has ended. */
export function requestStop(tables: JobTables, attemptId: AttemptId, reason: StopReason): Attempt | undefined {
  const attempt = tables.attempts.byId(attemptId);
  if (attempt === undefined) return undefined;
  const move = requestStopOf(attempt.state, attempt.stopRequested ?? undefined, reason);
  if (move.kind === 'ignored') return move.reason === 'has_ended' ? undefined : attemptOf(attempt);
  const stopping = { ...attempt, stopRequested: move.reason };
  tables.attempts.update(stopping);
  tables.jobs.bump(attempt.jobId);
  return attemptOf(stopping);
}

function applyEvent(
  tables: JobTables,
  attempt: AttemptRow,
  event: AttemptEvent,
  atMs: number,
  streamsBefore: readonly StreamTally[],
): StatusResult {
  const move = moveAttempt(attempt.state, event);
  if (move.kind === 'ignored') {
    // Lengths count also for an attempt that was closed as lost before: its log can then still be completed.
    if (attempt.streams !== streamsBefore) {
      tables.attempts.update(attempt);
      tables.jobs.bump(attempt.jobId);
    }
    return resultOf(tables, 'ignored', attempt);
  }
  // What never ran has no output, so nothing is left to wait for.
  const logComplete = attempt.logComplete || move.state.kind === 'not_run';
  const moved = { ...attempt, state: move.state, logComplete };
  tables.attempts.update(moved);
  return followAttempt(tables, moved, atMs);
}

/** What follows for task and job from an attempt that moved. */
function followAttempt(tables: JobTables, attempt: AttemptRow, atMs: number): StatusResult {
  const task = requireTask(tables, attempt);
  const job = tables.requireJob(attempt.jobId);
  const next = nextTaskState(task, attempt, job, atMs);
  const taskAfter = next === undefined ? task : withTaskState(task, next);
  const jobAfter = revised(withTaskMoved(withStart(job, attempt.state, atMs), task.state, taskAfter.state, atMs));
  if (next !== undefined) tables.tasks.update(taskAfter);
  tables.jobs.update(jobAfter);
  return {
    kind: 'moved',
    job: tables.summary(jobAfter),
    task: taskOf(taskAfter, attemptsOf(tables, taskAfter, attempt)),
    attempt: attemptOf(attempt),
    requeued: next?.kind === 'queued',
  };
}

/** Undefined: the task stays. Only its newest attempt moves a task. */
function nextTaskState(task: TaskRow, attempt: AttemptRow, job: JobRow, atMs: number): TaskState | undefined {
  if (attempt.number !== task.attemptCount) return undefined;
  const cancelRequested = job.cancelRequestedAtMs !== null;
  const move = moveTask(taskStateOf(task), { kind: 'attempt_moved', state: attempt.state, cancelRequested, atMs });
  return move.kind === 'moved' ? move.state : undefined;
}

/** Sets when the job's first run began, by our clock; where its end is the first we hear of it, counted back from there. */
function withStart(job: JobRow, state: AttemptState, atMs: number): JobRow {
  if (job.startedAtMs !== null) return job;
  if (state.kind === 'start_allowed' || state.kind === 'preparing' || state.kind === 'not_run') return job;
  if (state.kind !== 'ended') return { ...job, startedAtMs: atMs };
  return { ...job, startedAtMs: Math.max(job.submittedAtMs, atMs - (state.usage?.wallMs ?? 0)) };
}

function withLengths(attempt: AttemptRow, report: StatusReport): AttemptRow {
  let streams: readonly StreamTally[] = attempt.streams;
  for (const { run, stream, lengthBytes } of report.streamLengths) {
    const known = streams.find((tally) => tally.run === run && tally.stream === stream);
    if (known?.producedBytes !== undefined) continue;
    const rest = streams.filter((tally) => tally !== known);
    const tally = known ?? { run, stream, storedBytes: 0, missingBytes: 0 };
    streams = [...rest, { ...tally, producedBytes: lengthBytes }];
  }
  return streams === attempt.streams ? attempt : { ...attempt, streams };
}

function resultOf(tables: JobTables, kind: 'moved' | 'ignored', attempt: AttemptRow): StatusResult {
  const task = requireTask(tables, attempt);
  const shared = {
    job: tables.summary(tables.requireJob(attempt.jobId)),
    task: taskOf(task, attemptsOf(tables, task, attempt)),
    attempt: attemptOf(attempt),
  };
  return kind === 'moved' ? { kind, ...shared, requeued: false } : { kind, ...shared };
}

/** Nearly always the task has this one attempt, which is at hand. */
function attemptsOf(tables: JobTables, task: TaskRow, attempt: AttemptRow): readonly AttemptRow[] {
  return task.attemptCount === 1 ? [attempt] : tables.attempts.ofTask(task.jobId, task.index);
}

function requireTask(tables: JobTables, attempt: AttemptRow): TaskRow {
  const task = tables.tasks.byIndex(attempt.jobId, attempt.taskIndex);
  // A foreign key says that there is one.
  if (task === undefined) throw new Error(`attempt ${attempt.id} has no task`);
  return task;
}
