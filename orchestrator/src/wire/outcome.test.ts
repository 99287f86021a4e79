import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { AttemptOutcomeSchema, EndedSchema, NotRunSchema } from '@muster/gen/muster/job/v1/status_pb';
import { type EndedOutcome, lostReasons, type NotRunOutcome, notRunReasons, stopReasons } from '../domain/job.ts';
import { endedFromProto, notRunFromProto, outcomeToProto } from './outcome.ts';

function throughTheWire(outcome: NotRunOutcome | EndedOutcome): NotRunOutcome | EndedOutcome {
  const bytes = toBinary(AttemptOutcomeSchema, outcomeToProto(outcome));
  const { outcome: read } = fromBinary(AttemptOutcomeSchema, bytes);
  if (read.case === 'notRun') return notRunFromProto(read.value, 'outcome');
  if (read.case !== 'ended' || outcome.kind !== 'ended') throw new Error('another outcome came out');
  const { pid, startedAtMs, endedAtMs } = outcome;
  const facts = {
    ...(pid === undefined ? {} : { pid }),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    endedAtMs,
  };
  return endedFromProto(read.value, facts, 'outcome');
}

describe('outcomes on the wire', () => {
  it.each(notRunReasons)('keep that an attempt never ran because of %s', (reason) => {
    const outcome: NotRunOutcome = { kind: 'not_run', reason, message: 'no such thing', errno: 'ENOENT' };
    expect(throughTheWire(outcome)).toEqual(outcome);
  });

  it.each(stopReasons)('keep that a run was stopped by %s, its signals and what it used', (stoppedBy) => {
    const outcome: EndedOutcome = {
      kind: 'ended',
      how: { kind: 'signaled', number: 9, signal: 'SIGKILL', coreDumped: true, fromShellStatus: false },
      stoppedBy,
      signalsSent: ['SIGTERM', 'SIGKILL'],
      usage: { cpuUserMs: 1_500, cpuSystemMs: 20, peakMemoryBytes: 5_000_000_000, wallMs: 60_001 },
      pid: 4711,
      startedAtMs: 1_700_000_000_123,
      endedAtMs: 1_700_000_060_124,
    };
    expect(throughTheWire(outcome)).toEqual(outcome);
  });

  it.each(lostReasons)('keep that a run was lost by %s', (reason) => {
    const how = { kind: 'lost', reason, message: 'gone' } as const;
    const outcome: EndedOutcome = { kind: 'ended', how, signalsSent: [], endedAtMs: 5 };
    expect(throughTheWire(outcome)).toEqual(outcome);
  });

  it('keep exit codes and kills for memory, without a usage that nobody knows', () => {
    for (const how of [{ kind: 'exited', code: 0 }, { kind: 'exited', code: 255 }, { kind: 'oom' }] as const) {
      const outcome: EndedOutcome = { kind: 'ended', how, signalsSent: [], endedAtMs: 5 };
      expect(throughTheWire(outcome)).toEqual(outcome);
    }
  });

  it('are refused with the field where something needed is not said', () => {
    const facts = { endedAtMs: 1 };
    expect(() => endedFromProto(create(EndedSchema), facts, 'outcome.ended')).toThrow('outcome.ended.how: must say');
    expect(() => notRunFromProto(create(NotRunSchema), 'not_run')).toThrow('not_run.reason: must be set; one of: ');
    const odd = create(EndedSchema, { how: { case: 'exited', value: { code: 256 } } });
    expect(() => endedFromProto(odd, facts, 'outcome.ended')).toThrow('an exit code is 0 to 255, not 256');
  });
});
