// How an attempt moves once it is durable. Reports come late, twice and out of order; the rank only grows and an end is never left.
//
//   start_allowed ──> preparing ──> running ──> ready ──> stopping        any state may be skipped, none is entered again
//         │               │            │          │           │
//         └───────┬───────┴────────────┴──────────┴─────┬─────┘
//                 v                                     v
//              not_run                    ended: exited | signaled | oom | lost
//                                              closed_as_lost leads here too
//
// not_run after running contradicts the node's own word; the attempt keeps what was said last, and task-machine.ts sees to it that nothing runs twice.
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { AttemptState, LostReason, StopReason } from './job.ts';

/** What can happen to an attempt. */
export type AttemptEvent =
  | { readonly kind: 'reported'; readonly state: AttemptState }
  /** Nobody will ever say how it ended. */
  | { readonly kind: 'closed_as_lost'; readonly reason: LostReason; readonly message: string; readonly atMs: number };

/** What an event did. `has_ended`: an end is never left; `not_higher`: the rank would not grow. */
export type AttemptMove =
  | { readonly kind: 'moved'; readonly state: AttemptState }
  | { readonly kind: 'ignored'; readonly reason: 'has_ended' | 'not_higher' };

// As in proto AttemptState. Both ends have the highest rank, so that neither replaces the other.
const ranks: Readonly<Record<AttemptState['kind'], number>> = {
  start_allowed: 3,
  preparing: 4,
  running: 5,
  ready: 6,
  stopping: 7,
  not_run: 8,
  ended: 8,
};

/** Whether an attempt has ended, with or without having run. */
export function hasEnded(state: AttemptState): boolean {
  return state.kind === 'not_run' || state.kind === 'ended';
}

/** The state after an event, or why there is no change. */
export function moveAttempt(state: AttemptState, event: AttemptEvent): AttemptMove {
  if (hasEnded(state)) return { kind: 'ignored', reason: 'has_ended' };
  switch (event.kind) {
    case 'reported':
      return ranks[event.state.kind] > ranks[state.kind]
        ? { kind: 'moved', state: event.state }
        : { kind: 'ignored', reason: 'not_higher' };
    case 'closed_as_lost':
      return { kind: 'moved', state: lostFrom(state, event) };
    default:
      return assertNever(event);
  }
}

function lostFrom(
  state: AttemptState,
  event: { readonly reason: LostReason; readonly message: string; readonly atMs: number },
): AttemptState {
  const run =
    state.kind === 'running' || state.kind === 'ready' || state.kind === 'stopping'
      ? { pid: state.pid, startedAtMs: state.startedAtMs }
      : {};
  return {
    kind: 'ended',
    how: { kind: 'lost', reason: event.reason, message: event.message },
    signalsSent: [],
    ...run,
    endedAtMs: event.atMs,
  };
}

/** What a wish to stop did. `already`: an earlier wish stands. */
export type StopMove =
  | { readonly kind: 'requested'; readonly reason: StopReason }
  | { readonly kind: 'ignored'; readonly reason: 'has_ended' | 'already' };

/**
 * Which stop an attempt is asked for. The first reason stands, because the node may have acted on it; only a cancel replaces another,
 * because it also says that the task must not go on elsewhere.
 */
export function requestStopOf(state: AttemptState, present: StopReason | undefined, wanted: StopReason): StopMove {
  if (hasEnded(state)) return { kind: 'ignored', reason: 'has_ended' };
  const replaces = present === undefined || (wanted === 'cancel' && present !== 'cancel');
  return replaces ? { kind: 'requested', reason: wanted } : { kind: 'ignored', reason: 'already' };
}
