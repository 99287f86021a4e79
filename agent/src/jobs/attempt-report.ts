/** Attempts as the orchestrator reads them: phases and ends as AttemptStatus. Pure. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationFromMs, type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type AttemptStatus, AttemptStatusSchema } from '@muster/gen/muster/agent/v1/assignment_pb';
import {
  AttemptState,
  type EndedSchema,
  LostReason,
  NotRunReason,
  OutputStream,
  StoppedBy,
  type UsageSchema,
} from '@muster/gen/muster/job/v1/status_pb';
import type { RunEnd, RunObservation, RunUsage, NotRunReason as SupervisorReason } from '../supervisor/supervisor.ts';
import type { AttemptPhase } from './attempt-machine.ts';
import type { RunLengths } from './attempt-ports.ts';

/** A run that is over, as the supervisor saw it. */
export type EndedRun = Extract<RunObservation, { kind: 'ended' }>;

/** Why an attempt never ran, for people and programs. */
export interface NotRunCause {
  readonly reason: NotRunReason;
  readonly message: string;
  readonly errno?: string;
}

/** The state of a phase, as reported. */
export function stateOf(phase: AttemptPhase): AttemptState {
  switch (phase.kind) {
    case 'start_allowed':
      return AttemptState.START_ALLOWED;
    case 'preparing':
      return AttemptState.PREPARING;
    case 'running':
      return AttemptState.RUNNING;
    case 'stopping':
      return AttemptState.STOPPING;
    case 'finished':
      return AttemptState.ENDED;
  }
}

/** The status of an attempt that has not ended. */
export function liveStatus(attemptId: string, run: number, phase: AttemptPhase): AttemptStatus {
  const begun = phase.kind === 'running' || phase.kind === 'stopping';
  return create(AttemptStatusSchema, {
    attemptId,
    run: begun ? run : 0,
    state: stateOf(phase),
    ...(begun ? { pid: phase.pid, startedTime: instant(phase.startedAtMs) } : {}),
  });
}

/** The status of an attempt that never ran. */
export function notRunStatus(attemptId: string, cause: NotRunCause): AttemptStatus {
  const { reason, message, errno } = cause;
  return create(AttemptStatusSchema, {
    attemptId,
    state: AttemptState.NOT_RUN,
    outcome: { outcome: { case: 'notRun', value: { reason, message, errno: errno ?? '' } } },
  });
}

/** The status of an attempt whose run is over. `stop`: what we were asked for, which counts only if we signalled. */
export function endedStatus(
  attemptId: string,
  run: number,
  ended: EndedRun,
  lengths: RunLengths,
  stop: StoppedBy | undefined,
): AttemptStatus {
  const { end } = ended;
  if (end.kind === 'not_run') return notRunStatus(attemptId, supervisorCause(end.reason, end.detail));
  return create(AttemptStatusSchema, {
    attemptId,
    run,
    state: AttemptState.ENDED,
    pid: ended.pid ?? 0,
    startedTime: instant(ended.startedAtMs),
    endedTime: instant(ended.endedAtMs),
    outcome: {
      outcome: {
        case: 'ended',
        value: {
          how: howOf(end),
          stoppedBy: stoppedByOf(ended, stop),
          signalsSent: [...ended.signalsSent],
          ...(end.kind === 'lost' ? {} : { usage: usageOf(ended.usage) }),
        },
      },
    },
    streamLengths: [
      { run, stream: OutputStream.STDOUT, lengthBytes: BigInt(lengths.stdout) },
      { run, stream: OutputStream.STDERR, lengthBytes: BigInt(lengths.stderr) },
    ],
  });
}

/** The status of an attempt of which only the loss is known. */
export function lostStatus(
  attemptId: string,
  run: number,
  lost: { readonly reason: LostReason; readonly message: string },
  lengths: RunLengths,
): AttemptStatus {
  const stoppedBy = lost.reason === LostReason.NODE_REBOOTED ? StoppedBy.NODE_REBOOTED : StoppedBy.UNSPECIFIED;
  return create(AttemptStatusSchema, {
    attemptId,
    run,
    state: AttemptState.ENDED,
    outcome: { outcome: { case: 'ended', value: { how: { case: 'lost', value: lost }, stoppedBy } } },
    streamLengths: [
      { run, stream: OutputStream.STDOUT, lengthBytes: BigInt(lengths.stdout) },
      { run, stream: OutputStream.STDERR, lengthBytes: BigInt(lengths.stderr) },
    ],
  });
}

/** The supervisor's reason in the contract's words. */
export function supervisorCause(reason: SupervisorReason, detail: string): NotRunCause {
  const reasons = {
    spawn_error: NotRunReason.SPAWN_ERROR,
    no_interpreter: NotRunReason.NO_INTERPRETER,
    not_executable: NotRunReason.NOT_EXECUTABLE,
    no_such_directory: NotRunReason.NO_SUCH_DIRECTORY,
    never_started: NotRunReason.NEVER_STARTED,
  } satisfies Record<SupervisorReason, NotRunReason>;
  return { reason: reasons[reason], message: detail };
}

type HowInit = MessageInitShape<typeof EndedSchema>['how'];

function howOf(end: Exclude<RunEnd, { kind: 'not_run' }>): Exclude<HowInit, undefined> {
  switch (end.kind) {
    case 'exited':
      return { case: 'exited', value: { code: end.code } };
    case 'signaled': {
      const { number, coreDumped, fromShellStatus } = end;
      return { case: 'signaled', value: { number, signal: end.signal ?? '', coreDumped, fromShellStatus } };
    }
    case 'lost': {
      const reason = end.cause === 'node_rebooted' ? LostReason.NODE_REBOOTED : LostReason.SUPERVISOR_DIED;
      return { case: 'lost', value: { message: end.detail, reason } };
    }
  }
}

function stoppedByOf(ended: EndedRun, stop: StoppedBy | undefined): StoppedBy {
  if (ended.end.kind === 'lost' && ended.end.cause === 'node_rebooted') return StoppedBy.NODE_REBOOTED;
  if (ended.stoppedBy === 'timeout') return StoppedBy.TIMEOUT;
  // It ended by itself before any signal of ours: its own result counts.
  if (ended.signalsSent.length === 0) return StoppedBy.UNSPECIFIED;
  return stop ?? StoppedBy.UNSPECIFIED;
}

function usageOf(usage: RunUsage): MessageInitShape<typeof UsageSchema> {
  return {
    cpuUser: span(usage.cpuUserMs),
    cpuSystem: span(usage.cpuSystemMs),
    wall: span(usage.wallMs),
    ...(usage.peakMemoryBytes === undefined ? {} : { peakMemoryBytes: BigInt(usage.peakMemoryBytes) }),
  };
}

/** Clocks give fractions of a millisecond; the conversions take whole ones only. */
function instant(ms: number): Timestamp {
  return timestampFromMs(Math.round(ms));
}

function span(ms: number): Duration {
  return durationFromMs(Math.max(0, Math.round(ms)));
}
