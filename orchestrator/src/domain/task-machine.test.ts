import { describe, expect, it } from '@jest/globals';
import type { AttemptState, EndedOutcome, TaskState } from './job.ts';
import { moveTask, type TaskEvent, taskHasEnded } from './task-machine.ts';

const run = { pid: 7, startedAtMs: 100 };
const states = {
  queued: { kind: 'queued' },
  assigned: { kind: 'assigned' },
  running: { kind: 'running' },
  succeeded: { kind: 'succeeded', endedAtMs: 1 },
  failed: { kind: 'failed', endedAtMs: 1 },
  cancelled: { kind: 'cancelled', endedAtMs: 1 },
  lost: { kind: 'lost', endedAtMs: 1 },
} satisfies Record<TaskState['kind'], TaskState>;

function ended(how: EndedOutcome['how'], stoppedBy?: EndedOutcome['stoppedBy']): AttemptState {
  return { kind: 'ended', how, signalsSent: [], endedAtMs: 5, ...(stoppedBy === undefined ? {} : { stoppedBy }) };
}
function attempt(state: AttemptState, cancelRequested = false): TaskEvent {
  return { kind: 'attempt_moved', state, cancelRequested, atMs: 9 };
}
const killed: EndedOutcome['how'] = {
  kind: 'signaled',
  number: 15,
  signal: 'SIGTERM',
  coreDumped: false,
  fromShellStatus: false,
};
const lost: EndedOutcome['how'] = { kind: 'lost', reason: 'supervisor_died', message: 'its supervisor died' };
const neverStarted: AttemptState = { kind: 'not_run', reason: 'never_started', message: 'its node restarted first' };
const withdrawn: AttemptState = { kind: 'not_run', reason: 'withdrawn', message: 'taken back' };
const noInterpreter: AttemptState = { kind: 'not_run', reason: 'no_interpreter', message: 'there is no python3' };

/** Event: what it makes of queued, assigned and running. '-' leaves the task as it is; the ended states are always left. */
const table: readonly (readonly [string, TaskEvent, string, string, string])[] = [
  ['start_allowed', { kind: 'start_allowed' }, 'assigned', '-', '-'],
  ['cancel_requested', { kind: 'cancel_requested', atMs: 9 }, 'cancelled', '-', '-'],
  ['queue timeout', { kind: 'gave_up_waiting', reason: 'queue_timeout', message: 'm', atMs: 9 }, 'failed', '-', '-'],
  ['expiry', { kind: 'gave_up_waiting', reason: 'expired', message: 'm', atMs: 9 }, 'failed', '-', '-'],
  [
    'a failed dependency',
    { kind: 'gave_up_waiting', reason: 'dependency_failed', message: 'm', atMs: 9 },
    'failed',
    '-',
    '-',
  ],
  ['refusal', { kind: 'refused', message: 'no', atMs: 9 }, 'failed', '-', '-'],
  ['attempt start_allowed', attempt({ kind: 'start_allowed' }), '-', '-', '-'],
  ['attempt preparing', attempt({ kind: 'preparing', phase: 'p' }), '-', '-', '-'],
  ['attempt running', attempt({ kind: 'running', ...run }), '-', 'running', '-'],
  ['attempt ready', attempt({ kind: 'ready', ...run }), '-', 'running', '-'],
  ['attempt stopping', attempt({ kind: 'stopping', ...run }), '-', 'running', '-'],
  ['attempt never started', attempt(neverStarted), '-', 'queued', 'lost'],
  ['attempt never started, cancelled', attempt(neverStarted, true), '-', 'cancelled', 'lost'],
  ['attempt withdrawn', attempt(withdrawn), '-', 'queued', 'lost'],
  ['attempt withdrawn, cancelled', attempt(withdrawn, true), '-', 'cancelled', 'lost'],
  ['attempt without interpreter', attempt(noInterpreter), '-', 'failed', 'failed'],
  ['attempt without interpreter, cancelled', attempt(noInterpreter, true), '-', 'failed', 'failed'],
  ['exit 0', attempt(ended({ kind: 'exited', code: 0 })), '-', 'succeeded', 'succeeded'],
  [
    'exit 0 before the cancel reached it',
    attempt(ended({ kind: 'exited', code: 0 }), true),
    '-',
    'succeeded',
    'succeeded',
  ],
  [
    'exit 0 after our signal for a cancel',
    attempt(ended({ kind: 'exited', code: 0 }, 'cancel'), true),
    '-',
    'cancelled',
    'cancelled',
  ],
  [
    'exit 0 after our signal for a timeout',
    attempt(ended({ kind: 'exited', code: 0 }, 'timeout')),
    '-',
    'failed',
    'failed',
  ],
  ['exit 3', attempt(ended({ kind: 'exited', code: 3 })), '-', 'failed', 'failed'],
  ['exit 3 before the cancel reached it', attempt(ended({ kind: 'exited', code: 3 }), true), '-', 'failed', 'failed'],
  ['a signal of its own', attempt(ended(killed)), '-', 'failed', 'failed'],
  ['our signal for a cancel', attempt(ended(killed, 'cancel'), true), '-', 'cancelled', 'cancelled'],
  ['our signal for a timeout, cancelled too', attempt(ended(killed, 'timeout'), true), '-', 'failed', 'failed'],
  ['out of memory', attempt(ended({ kind: 'oom' })), '-', 'failed', 'failed'],
  ['lost', attempt(ended(lost)), '-', 'lost', 'lost'],
  ['lost after our signal for a cancel', attempt(ended(lost, 'cancel'), true), '-', 'lost', 'lost'],
];

describe('the task machine', () => {
  for (const [name, event, ...row] of table) {
    (['queued', 'assigned', 'running'] as const).forEach((from, column) => {
      const to = row[column];
      it(`${to === '-' ? `leaves ${from}` : `goes from ${from} to ${to}`} on ${name}`, () => {
        const move = moveTask(states[from], event);
        expect(move.kind === 'moved' ? move.state.kind : '-').toBe(to);
      });
    });
    it(`never leaves an end on ${name}`, () => {
      for (const state of Object.values(states).filter(taskHasEnded)) {
        expect(moveTask(state, event)).toEqual({ kind: 'ignored', reason: 'has_ended' });
      }
    });
  }

  it('says why a task failed', () => {
    expect(moveTask(states.running, attempt(ended(killed, 'timeout')))).toMatchObject({
      state: { message: 'ran longer than its run timeout and was stopped (was ended by SIGTERM)', endedAtMs: 9 },
    });
    expect(moveTask(states.running, attempt(noInterpreter))).toMatchObject({
      state: { message: 'there is no python3' },
    });
    expect(moveTask(states.running, attempt(ended(lost)))).toMatchObject({ state: { message: 'its supervisor died' } });
    expect(moveTask(states.running, attempt(ended({ kind: 'exited', code: 3 })))).toMatchObject({
      state: { message: 'exited with code 3' },
    });
  });

  it('gives a reason only to a task that ended without an attempt', () => {
    expect(moveTask(states.queued, { kind: 'cancel_requested', atMs: 9 })).toMatchObject({
      state: { reason: 'cancelled' },
    });
    expect(moveTask(states.assigned, attempt(neverStarted, true))).not.toHaveProperty('state.reason');
  });
});
