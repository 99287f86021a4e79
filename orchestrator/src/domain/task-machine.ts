// How a task moves. An end is never left; a task goes back to the queue only when its attempt provably never ran.
//
//             start_allowed               attempt: running, ready, stopping
//   queued ──────────────────> assigned ─────────────────────────────────────> running
//     │  ^                       │  │                                             │
//     │  └── attempt never ran, ─┘  │ attempt ended, or could not start           │ attempt ended
//     │      no cancel              v                                             v
//     ├── queue timeout, expiry, refusal ──────────> failed          succeeded | failed | cancelled | lost
//     └── cancel ──────────────────────────────────> cancelled
//
// A cancel of an assigned or running task changes nothing here: the attempt's own end decides. cancelled means that it never ran or that our
// signal was sent before its end; what ended by itself keeps its own result.
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { AttemptState, EndedOutcome, NotRunOutcome, TaskEndReason, TaskState } from './job.ts';
import { sentenceOfEnd } from './outcome-sentence.ts';

/** What can happen to a task. Times are the orchestrator's, in ms since the epoch. */
export type TaskEvent =
  /** The permission to start an attempt of it is being committed. */
  | { readonly kind: 'start_allowed' }
  /** Its newest attempt moved to this state. */
  | {
      readonly kind: 'attempt_moved';
      readonly state: AttemptState;
      readonly cancelRequested: boolean;
      readonly atMs: number;
    }
  | { readonly kind: 'cancel_requested'; readonly atMs: number }
  /** It waited too long. */
  | {
      readonly kind: 'gave_up_waiting';
      readonly reason: Extract<
        TaskEndReason,
        'queue_timeout' | 'expired' | 'dependency_failed' | 'skipped_unreachable'
      >;
      readonly message: string;
      readonly atMs: number;
    }
  /** No node that may run it will ever take it. */
  | { readonly kind: 'refused'; readonly message: string; readonly atMs: number };

/** What an event did. */
export type TaskMove =
  | { readonly kind: 'moved'; readonly state: TaskState }
  | { readonly kind: 'ignored'; readonly reason: 'has_ended' | 'not_queued' | 'queued' | 'no_change' };

/** Whether a task has ended. */
export function taskHasEnded(state: TaskState): boolean {
  return state.kind !== 'queued' && state.kind !== 'assigned' && state.kind !== 'running';
}

/** The state after an event, or why there is no change. */
export function moveTask(state: TaskState, event: TaskEvent): TaskMove {
  if (taskHasEnded(state)) return { kind: 'ignored', reason: 'has_ended' };
  if (event.kind === 'attempt_moved') {
    if (state.kind === 'queued') return { kind: 'ignored', reason: 'queued' };
    return afterAttempt(state, event);
  }
  if (state.kind !== 'queued') return { kind: 'ignored', reason: 'not_queued' };
  switch (event.kind) {
    case 'start_allowed':
      return { kind: 'moved', state: { kind: 'assigned' } };
    case 'cancel_requested':
      return moved({
        kind: 'cancelled',
        endedAtMs: event.atMs,
        reason: 'cancelled',
        message: 'cancelled before it ran',
      });
    case 'gave_up_waiting':
      return moved({ kind: 'failed', endedAtMs: event.atMs, reason: event.reason, message: event.message });
    case 'refused':
      return moved({ kind: 'failed', endedAtMs: event.atMs, message: event.message });
    default:
      return assertNever(event);
  }
}

function moved(state: TaskState): TaskMove {
  return { kind: 'moved', state };
}

function afterAttempt(state: TaskState, event: Extract<TaskEvent, { kind: 'attempt_moved' }>): TaskMove {
  const attempt = event.state;
  switch (attempt.kind) {
    case 'start_allowed':
    case 'preparing':
      return { kind: 'ignored', reason: 'no_change' };
    case 'running':
    case 'ready':
    case 'stopping':
      return state.kind === 'running' ? { kind: 'ignored', reason: 'no_change' } : moved({ kind: 'running' });
    case 'not_run':
      return moved(afterNotRun(state, attempt, event.cancelRequested, event.atMs));
    case 'ended':
      return moved(afterEnd(attempt, event.atMs));
    default:
      return assertNever(attempt);
  }
}

function afterNotRun(state: TaskState, outcome: NotRunOutcome, cancelRequested: boolean, atMs: number): TaskState {
  const neverBegan = outcome.reason === 'never_started' || outcome.reason === 'withdrawn';
  if (!neverBegan) return { kind: 'failed', endedAtMs: atMs, message: outcome.message };
  if (state.kind === 'running') {
    const message = `its node said that it ran and then that it never did (${outcome.message})`;
    return { kind: 'lost', endedAtMs: atMs, message };
  }
  if (cancelRequested) return { kind: 'cancelled', endedAtMs: atMs, message: 'cancelled before it ran' };
  return { kind: 'queued', message: `waits again: ${outcome.message}` };
}

function afterEnd(outcome: EndedOutcome, atMs: number): TaskState {
  const message = sentenceOfEnd(outcome);
  if (outcome.how.kind === 'lost') return { kind: 'lost', endedAtMs: atMs, message };
  if (outcome.stoppedBy === 'cancel') return { kind: 'cancelled', endedAtMs: atMs, message };
  const succeeded = outcome.how.kind === 'exited' && outcome.how.code === 0 && outcome.stoppedBy === undefined;
  return succeeded ? { kind: 'succeeded', endedAtMs: atMs } : { kind: 'failed', endedAtMs: atMs, message };
}
