import { describe, expect, it } from '@jest/globals';
import { type AttemptEvent, hasEnded, moveAttempt, requestStopOf } from './attempt-machine.ts';
import type { AttemptState } from './job.ts';

const run = { pid: 7, startedAtMs: 100 };
const samples = {
  start_allowed: { kind: 'start_allowed' },
  preparing: { kind: 'preparing', phase: 'making the directory' },
  running: { kind: 'running', ...run },
  ready: { kind: 'ready', ...run },
  stopping: { kind: 'stopping', ...run },
  not_run: { kind: 'not_run', reason: 'never_started', message: 'was stopped first' },
  ended: { kind: 'ended', how: { kind: 'exited', code: 0 }, signalsSent: [], endedAtMs: 200 },
} satisfies Record<AttemptState['kind'], AttemptState>;
const kinds = Object.values(samples).map((state) => state.kind);
const closed: AttemptEvent = { kind: 'closed_as_lost', reason: 'ledger_changed', message: 'another ledger', atMs: 300 };

/** By state: what a report of each state does, in the order of `kinds`, and then closed_as_lost. m: moves, n: not higher, e: has ended. */
const table: Record<AttemptState['kind'], string> = {
  start_allowed: 'nmmmmmm m',
  preparing: 'nnmmmmm m',
  running: 'nnnmmmm m',
  ready: 'nnnnmmm m',
  stopping: 'nnnnnmm m',
  not_run: 'eeeeeee e',
  ended: 'eeeeeee e',
};

describe('the attempt machine', () => {
  for (const from of kinds) {
    const row = table[from].replace(' ', '');
    kinds.forEach((reported, column) => {
      it(`answers a report of ${reported} in ${from} as the table says`, () => {
        const move = moveAttempt(samples[from], { kind: 'reported', state: samples[reported] });
        expect(move).toEqual(expected(row.charAt(column), samples[reported]));
      });
    });
    it(`answers closed_as_lost in ${from} as the table says`, () => {
      const move = moveAttempt(samples[from], closed);
      expect(move.kind).toBe(row.endsWith('m') ? 'moved' : 'ignored');
      if (move.kind === 'moved') {
        expect(move.state).toMatchObject({
          kind: 'ended',
          how: { kind: 'lost', reason: 'ledger_changed' },
          endedAtMs: 300,
        });
      }
    });
  }

  it('keeps the process of a run that is closed as lost', () => {
    expect(moveAttempt(samples.running, closed)).toMatchObject({ state: { pid: 7, startedAtMs: 100 } });
    expect(moveAttempt(samples.preparing, closed)).not.toHaveProperty('state.pid');
  });

  it('knows which states are ends', () => {
    expect(kinds.filter((kind) => hasEnded(samples[kind]))).toEqual(['not_run', 'ended']);
  });
});

describe('a request to stop', () => {
  for (const from of kinds) {
    const ended = hasEnded(samples[from]);
    it(`${ended ? 'changes nothing' : 'is taken'} in ${from}`, () => {
      const expectedMove = ended ? { kind: 'ignored', reason: 'has_ended' } : { kind: 'requested', reason: 'drain' };
      expect(requestStopOf(samples[from], undefined, 'drain')).toEqual(expectedMove);
    });
  }

  it('leaves the first reason, but for a cancel', () => {
    expect(requestStopOf(samples.running, 'drain', 'lease')).toEqual({ kind: 'ignored', reason: 'already' });
    expect(requestStopOf(samples.running, 'drain', 'cancel')).toEqual({ kind: 'requested', reason: 'cancel' });
    expect(requestStopOf(samples.running, 'cancel', 'drain')).toEqual({ kind: 'ignored', reason: 'already' });
    expect(requestStopOf(samples.running, 'cancel', 'cancel')).toEqual({ kind: 'ignored', reason: 'already' });
  });
});

function expected(mark: string, state: AttemptState): unknown {
  if (mark === 'm') return { kind: 'moved', state };
  return { kind: 'ignored', reason: mark === 'n' ? 'not_higher' : 'has_ended' };
}
