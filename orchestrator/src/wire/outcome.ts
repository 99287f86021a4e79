/** How an attempt ended, both ways: agents report it, users read it. */
import { create } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { assertNever } from '@muster/common/assert-never/assert-never';
import { AppError } from '@muster/common/errors/app-error';
import {
  type AttemptOutcome,
  AttemptOutcomeSchema,
  type Ended,
  EndedSchema,
  ExitedSchema,
  LostSchema,
  type NotRun,
  NotRunSchema,
  OutOfMemorySchema,
  SignaledSchema,
  StoppedBy,
  type Usage as UsageProto,
  UsageSchema,
} from '@muster/gen/muster/job/v1/status_pb';
import type { EndedOutcome, How, NotRunOutcome, Usage } from '../domain/job.ts';
import { fromDuration, toDuration, toSafeInteger } from './scalars.ts';
import { lostReasonCodec, notRunReasonCodec, stopReasonCodec } from './status-enums.ts';

/** What the outcome message does not carry: it stands in the fields beside it. */
export interface RunFacts {
  readonly pid?: number;
  readonly startedAtMs?: number;
  readonly endedAtMs: number;
}

/** Longest text that we keep of an agent's message: a sentence, not a file. */
const LONGEST_MESSAGE = 2_000;
/** More signals than a stop ever sends; the rest of a hostile list is dropped. */
const MOST_SIGNALS = 32;

/** An outcome as the contract has it. */
export function outcomeToProto(outcome: NotRunOutcome | EndedOutcome): AttemptOutcome {
  return outcome.kind === 'not_run'
    ? create(AttemptOutcomeSchema, { outcome: { case: 'notRun', value: notRunToProto(outcome) } })
    : create(AttemptOutcomeSchema, { outcome: { case: 'ended', value: endedToProto(outcome) } });
}

/** An attempt that never ran, as the contract has it. */
function notRunToProto(outcome: NotRunOutcome): NotRun {
  return create(NotRunSchema, {
    reason: notRunReasonCodec.toProto(outcome.reason),
    message: outcome.message,
    errno: outcome.errno ?? '',
  });
}

/** The reverse. Throws `invalid_argument` for an unknown reason. */
export function notRunFromProto(value: NotRun, field: string): NotRunOutcome {
  const outcome: NotRunOutcome = {
    kind: 'not_run',
    reason: notRunReasonCodec.fromProto(value.reason, `${field}.reason`),
    message: value.message.slice(0, LONGEST_MESSAGE),
  };
  return value.errno === '' ? outcome : { ...outcome, errno: value.errno.slice(0, 64) };
}

function endedToProto(outcome: EndedOutcome): Ended {
  return create(EndedSchema, {
    how: howToProto(outcome.how),
    stoppedBy: outcome.stoppedBy === undefined ? StoppedBy.UNSPECIFIED : stopReasonCodec.toProto(outcome.stoppedBy),
    signalsSent: [...outcome.signalsSent],
    ...(outcome.usage === undefined ? {} : { usage: usageToProto(outcome.usage) }),
  });
}

/** The reverse, with the facts that stand beside it. Throws `invalid_argument` naming what is missing or unknown. */
export function endedFromProto(value: Ended, facts: RunFacts, field: string): EndedOutcome {
  return {
    kind: 'ended',
    how: howFromProto(value.how, `${field}.how`),
    ...(value.stoppedBy === StoppedBy.UNSPECIFIED
      ? {}
      : { stoppedBy: stopReasonCodec.fromProto(value.stoppedBy, `${field}.stopped_by`) }),
    signalsSent: value.signalsSent.slice(0, MOST_SIGNALS).map((signal) => signal.slice(0, 32)),
    ...(value.usage === undefined ? {} : { usage: usageFromProto(value.usage, `${field}.usage`) }),
    ...facts,
  };
}

function howToProto(how: How): Ended['how'] {
  switch (how.kind) {
    case 'exited':
      return { case: 'exited', value: create(ExitedSchema, { code: how.code }) };
    case 'signaled': {
      const { number, signal, coreDumped, fromShellStatus } = how;
      return { case: 'signaled', value: create(SignaledSchema, { number, signal, coreDumped, fromShellStatus }) };
    }
    case 'oom':
      return { case: 'oom', value: create(OutOfMemorySchema) };
    case 'lost': {
      const reason = lostReasonCodec.toProto(how.reason);
      return { case: 'lost', value: create(LostSchema, { message: how.message, reason }) };
    }
    default:
      return assertNever(how);
  }
}

function howFromProto(how: Ended['how'], field: string): How {
  switch (how.case) {
    case 'exited':
      if (how.value.code > 255) {
        throw new AppError('invalid_argument', `an exit code is 0 to 255, not ${how.value.code}`, { field });
      }
      return { kind: 'exited', code: how.value.code };
    case 'signaled': {
      const { number, signal, coreDumped, fromShellStatus } = how.value;
      return { kind: 'signaled', number, signal: signal.slice(0, 32), coreDumped, fromShellStatus };
    }
    case 'oom':
      return { kind: 'oom' };
    case 'lost': {
      const reason = lostReasonCodec.fromProto(how.value.reason, `${field}.lost.reason`);
      return { kind: 'lost', reason, message: how.value.message.slice(0, LONGEST_MESSAGE) };
    }
    case undefined:
      throw new AppError('invalid_argument', 'must say how the run ended: exited, signaled, oom or lost', { field });
    default:
      return assertNever(how);
  }
}

function usageToProto(usage: Usage): UsageProto {
  return create(UsageSchema, {
    cpuUser: toDuration(usage.cpuUserMs),
    cpuSystem: toDuration(usage.cpuSystemMs),
    wall: toDuration(usage.wallMs),
    ...(usage.peakMemoryBytes === undefined ? {} : { peakMemoryBytes: BigInt(usage.peakMemoryBytes) }),
  });
}

function usageFromProto(usage: UsageProto, field: string): Usage {
  const ms = (value: Duration | undefined, name: string): number =>
    value === undefined ? 0 : Math.round(fromDuration(value, `${field}.${name}`));
  return {
    cpuUserMs: ms(usage.cpuUser, 'cpu_user'),
    cpuSystemMs: ms(usage.cpuSystem, 'cpu_system'),
    wallMs: ms(usage.wall, 'wall'),
    ...(usage.peakMemoryBytes === undefined
      ? {}
      : { peakMemoryBytes: toSafeInteger(usage.peakMemoryBytes, `${field}.peak_memory_bytes`) }),
  };
}
