import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { asAttemptId, asJobId, asLedgerId, asNodeId } from '@muster/common/ids/ids';
import { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { AttemptState } from '../domain/job.ts';
import type { UnsettledAttempt } from '../jobs/job-store.ts';
import { type Known, type ReconcilePlan, reconcile } from './reconcile.ts';

const ID = '0'.repeat(26);
const attemptId = asAttemptId(ID);
const ledger = asLedgerId(ID);
const otherLedger = asLedgerId('1'.repeat(26));

const states: Record<string, AttemptState> = {
  start_allowed: { kind: 'start_allowed' },
  preparing: { kind: 'preparing', phase: '' },
  running: { kind: 'running', pid: 7, startedAtMs: 1 },
  stopping: { kind: 'stopping', pid: 7, startedAtMs: 1 },
  ended: { kind: 'ended', how: { kind: 'exited', code: 0 }, signalsSent: [], endedAtMs: 2 },
};

function stored(state: string, stop?: 'cancel'): UnsettledAttempt {
  const attemptState = states[state];
  if (attemptState === undefined) throw new Error(`no state ${state}`);
  return {
    jobId: asJobId(ID),
    taskIndex: 0,
    spec: create(JobSpecSchema),
    attempt: {
      id: attemptId,
      number: 1,
      nodeId: asNodeId(ID),
      ledgerId: ledger,
      bootId: 'boot-1',
      state: attemptState,
      ...(stop === undefined ? {} : { stopRequested: stop }),
      startAllowedAtMs: 0,
      streams: [],
      logComplete: false,
    },
  };
}

/** Which lists name the attempt. */
function verdict(plan: ReconcilePlan): string[] {
  return Object.entries(plan)
    .filter(([, list]) => list.length > 0)
    .map(([name]) => (name === 'lost' ? `lost:${plan.lost[0]?.reason}` : name));
}

const same = { ledgerId: ledger, bootId: 'boot-1' };
const rebooted = { ledgerId: ledger, bootId: 'boot-2' };
const wiped = { ledgerId: otherLedger, bootId: 'boot-1' };
const held = [{ attemptId, run: 1, state: 'running' as const }];

describe('an attempt that the node holds', () => {
  it.each<[string, Known, string[]]>([
    ['unknown to the store', 'unknown', ['keep', 'foreign']],
    ['settled', 'settled', ['forget']],
  ])('when it is %s', (_name, known, expected) => {
    expect(verdict(reconcile(same, held, [], () => known))).toEqual(expected);
  });

  it.each(['start_allowed', 'preparing', 'running', 'stopping'])('is kept and in COMPLETE when it is %s', (state) => {
    for (const identity of [same, rebooted, wiped]) {
      expect(verdict(reconcile(identity, held, [stored(state)], () => 'unsettled'))).toEqual(['keep', 'complete']);
    }
  });

  it('is stopped when that was asked for', () => {
    expect(verdict(reconcile(same, held, [stored('running', 'cancel')], () => 'unsettled'))).toEqual([
      'stop',
      'complete',
    ]);
  });

  it('is kept out of COMPLETE when it has ended and its log has not come', () => {
    expect(verdict(reconcile(same, held, [stored('ended')], () => 'unsettled'))).toEqual(['keep']);
  });
});

describe('an attempt that the node does not hold', () => {
  it.each<[string, string, typeof same, string[]]>([
    ['start_allowed', 'the same ledger and boot', same, ['complete']],
    ['start_allowed', 'another boot', rebooted, ['lost:node_rebooted']],
    ['start_allowed', 'another ledger', wiped, ['lost:ledger_changed']],
    ['preparing', 'the same ledger and boot', same, ['lost:ledger_changed']],
    ['running', 'the same ledger and boot', same, ['lost:ledger_changed']],
    ['running', 'another boot', rebooted, ['lost:node_rebooted']],
    ['running', 'another ledger', wiped, ['lost:ledger_changed']],
    ['stopping', 'another boot', rebooted, ['lost:node_rebooted']],
    ['ended', 'the same ledger and boot', same, ['endLogs']],
    ['ended', 'another ledger', wiped, ['endLogs']],
  ])('when it is %s and the hello names %s', (state, _name, identity, expected) => {
    expect(verdict(reconcile(identity, [], [stored(state)], () => 'unknown'))).toEqual(expected);
  });
});
