/** How attempts and tasks ended, in words. */
import type { Attempt, AttemptOutcome, Task } from '@muster/gen/muster/job/v1/status_pb';
import {
  LostReasonSchema,
  NotRunReasonSchema,
  StoppedBy,
  StoppedBySchema,
  TaskEndReason,
  TaskEndReasonSchema,
} from '@muster/gen/muster/job/v1/status_pb';
import { enumName } from './enum-name.ts';

/** `exited(3)`, `signaled(SIGKILL)`, `oom`, `lost`, `not_run(no_such_directory)`; `-`: it has not ended. */
export function showHow(outcome: AttemptOutcome | undefined): string {
  if (outcome === undefined) return '-';
  const { outcome: end } = outcome;
  if (end.case === 'notRun') return `not_run(${enumName(NotRunReasonSchema, end.value.reason)})`;
  if (end.case === undefined) return 'unknown';
  const { how } = end.value;
  switch (how.case) {
    case 'exited':
      return `exited(${how.value.code})`;
    case 'signaled':
      return `signaled(${how.value.signal || how.value.number})${how.value.coreDumped ? ', core dumped' : ''}`;
    case 'oom':
      return 'oom';
    case 'lost':
      return `lost(${enumName(LostReasonSchema, how.value.reason)})`;
    case undefined:
      return 'unknown';
  }
}

/** `timeout`, with the signals that were sent; `-`: Muster did not stop it. */
export function showStoppedBy(attempt: Attempt): string {
  const end = attempt.outcome?.outcome;
  if (end?.case === 'ended' && end.value.stoppedBy !== StoppedBy.UNSPECIFIED) {
    const sent = end.value.signalsSent.length === 0 ? '' : ` (${end.value.signalsSent.join(', ')})`;
    return enumName(StoppedBySchema, end.value.stoppedBy) + sent;
  }
  return '-';
}

/** What was said about an attempt's end; empty: nothing. */
export function outcomeMessage(outcome: AttemptOutcome | undefined): string {
  const end = outcome?.outcome;
  if (end?.case === 'notRun') return end.value.message + (end.value.errno === '' ? '' : ` (${end.value.errno})`);
  if (end?.case === 'ended' && end.value.how.case === 'lost') return end.value.how.value.message;
  return '';
}

/** Why a task ended as it did, in one line: the end of its last attempt, or its own reason. */
export function showTaskEnd(task: Task): string {
  if (task.endReason !== TaskEndReason.UNSPECIFIED) {
    return withMessage(enumName(TaskEndReasonSchema, task.endReason), task.message);
  }
  const attempt = task.attempts.at(-1);
  if (attempt === undefined) return withMessage('it never had an attempt', task.message);
  const stopped = showStoppedBy(attempt);
  const how = showHow(attempt.outcome) + (stopped === '-' ? '' : `, stopped by ${stopped}`);
  return withMessage(how, outcomeMessage(attempt.outcome) || task.message);
}

function withMessage(text: string, message: string): string {
  return message === '' ? text : `${text}: ${message}`;
}
