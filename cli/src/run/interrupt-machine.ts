/**
 * What Ctrl-C does while a job is followed.
 *
 *                interrupt               interrupt
 *   following ─────────────► cancelling ───────────► left
 *       │                        │
 *       └───────── ended ────────┴──────► ended
 *
 * The first asks for the job's end and waits for it, the second leaves the job to itself. left and ended are final.
 */
import { assertNever } from '@muster/common/assert-never/assert-never';

/** Where the following of a job stands. */
export type FollowState = 'following' | 'cancelling' | 'left' | 'ended';
/** What can happen: Ctrl-C, or the job's end with all its output. */
export type FollowEvent = 'interrupt' | 'ended';
/** What is to be done about it. */
export type FollowEffect = 'none' | 'cancel_job' | 'leave_job';

/** The next state and what to do. Total: late events change nothing. */
export function onFollowEvent(state: FollowState, event: FollowEvent): { state: FollowState; effect: FollowEffect } {
  switch (state) {
    case 'following':
      if (event === 'ended') return { state: 'ended', effect: 'none' };
      return { state: 'cancelling', effect: 'cancel_job' };
    case 'cancelling':
      if (event === 'ended') return { state: 'ended', effect: 'none' };
      return { state: 'left', effect: 'leave_job' };
    case 'left':
    case 'ended':
      return { state, effect: 'none' };
    default:
      return assertNever(state);
  }
}
