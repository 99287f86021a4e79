/** What the orchestrator says to agents, made of the domain's words. A message is a frame without its sequence. */
import { create } from '@bufbuild/protobuf';
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { AttemptId, NodeId, SessionId } from '@muster/common/ids/ids';
import type { ConnectResponse } from '@muster/gen/muster/agent/v1/agent_service_pb';
import {
  type Assignment as AssignmentProto,
  AssignmentSchema,
  AssignmentsSchema,
  type Change,
  ChangeSchema,
  ForgetSchema,
  StatusAckSchema,
} from '@muster/gen/muster/agent/v1/assignment_pb';
import {
  GoodbyeReason,
  GoodbyeSchema,
  HeartbeatAckSchema,
  type LogAck,
  LogAckSchema,
  type LogSettings,
  LogSettingsSchema,
  UnsupportedSchema,
  Verdict,
  WelcomeSchema,
} from '@muster/gen/muster/agent/v1/session_pb';
import { StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import type { AttemptState } from '../domain/job.ts';
import type {
  Assignment,
  AssignmentChange,
  EndReason,
  LogPosition,
  Reconciliation,
} from '../sessions/session-ports.ts';
import { enumCodec } from './enum-codec.ts';
import { toDuration, toTimestamp } from './scalars.ts';
import { attemptStates, outputStreams, stopReasonCodec } from './status-enums.ts';

/** A frame's message. */
export type OutMessage = Exclude<ConnectResponse['message'], { case: undefined }>;

const goodbyeReasons = enumCodec<EndReason, GoodbyeReason>({
  shutdown: GoodbyeReason.SHUTDOWN,
  superseded: GoodbyeReason.SUPERSEDED,
  revoked: GoodbyeReason.REVOKED,
  overloaded: GoodbyeReason.OVERLOADED,
});

const verdicts = enumCodec<Reconciliation['verdicts'][number]['verdict'], Verdict>({
  keep: Verdict.KEEP,
  stop: Verdict.STOP,
  forget: Verdict.FORGET,
});

/** How agents send output. */
export interface LogWindowSettings {
  /** Most unacknowledged bytes of a node. */
  readonly nodeWindowBytes: number;
  /** Most unacknowledged bytes of a stream. */
  readonly streamWindowBytes: number;
  /** A chunk is sent when it has this many bytes; 256 KiB at most. */
  readonly chunkBytes: number;
  /** A smaller chunk is sent after this long. */
  readonly flushIntervalMs: number;
}

/** What welcome tells beside the verdicts. */
export interface WelcomeFacts {
  readonly sessionId: SessionId;
  readonly storeEpoch: number;
  readonly heartbeatPeriodMs: number;
  readonly serverTimeMs: number;
  readonly log: LogWindowSettings;
  readonly nodeId: NodeId;
  readonly nodeName: string;
  readonly orchestratorVersion: string;
}

/** The answer to hello. */
export function welcome(facts: WelcomeFacts, reconciliation: Reconciliation): OutMessage {
  const { sessionId, nodeId, nodeName, orchestratorVersion } = facts;
  const value = create(WelcomeSchema, {
    sessionId,
    nodeId,
    nodeName,
    orchestratorVersion,
    storeEpoch: BigInt(facts.storeEpoch),
    heartbeatPeriod: toDuration(facts.heartbeatPeriodMs),
    serverTime: toTimestamp(facts.serverTimeMs),
    log: logSettings(facts.log),
    verdicts: reconciliation.verdicts.map((each) => ({
      attemptId: each.attemptId,
      verdict: verdicts.toProto(each.verdict),
      acks: each.acks.map(logAckValue),
      stoppedBy: each.stoppedBy === undefined ? StoppedBy.UNSPECIFIED : stopReasonCodec.toProto(each.stoppedBy),
    })),
  });
  return { case: 'welcome', value };
}

function logSettings(log: LogWindowSettings): LogSettings {
  return create(LogSettingsSchema, {
    nodeWindowBytes: BigInt(log.nodeWindowBytes),
    streamWindowBytes: BigInt(log.streamWindowBytes),
    chunkBytes: log.chunkBytes,
    flushInterval: toDuration(log.flushIntervalMs),
  });
}

/** The COMPLETE set, which is revision 1 of every session. @param withoutSpec attempts whose spec the node has */
export function completeSet(
  complete: readonly Assignment[],
  withoutSpec: ReadonlySet<AttemptId> = new Set(),
): OutMessage {
  const assignments = complete.map((each) => assignmentToProto(each, !withoutSpec.has(each.attemptId)));
  const value = create(AssignmentsSchema, {
    revision: 1n,
    set: { case: 'complete', value: { assignments } },
  });
  return { case: 'assignments', value };
}

/** Changes that follow `revision - 1`. */
export function changeSet(revision: number, changes: readonly AssignmentChange[]): OutMessage {
  const value = create(AssignmentsSchema, {
    revision: BigInt(revision),
    set: { case: 'changes', value: { followsRevision: BigInt(revision - 1), changes: changes.map(changeToProto) } },
  });
  return { case: 'assignments', value };
}

function assignmentToProto(assignment: Assignment, withSpec = true): AssignmentProto {
  const { attemptId, jobId, taskIndex, attemptNumber, spec, stop } = assignment;
  return create(AssignmentSchema, {
    attemptId,
    jobId,
    taskIndex,
    attemptNumber,
    ...(withSpec ? { spec } : {}),
    ...(stop === undefined ? {} : { stop: { attemptId, stoppedBy: stopReasonCodec.toProto(stop) } }),
  });
}

function changeToProto(change: AssignmentChange): Change {
  const { attemptId } = change.kind === 'offer' ? change.assignment : change;
  switch (change.kind) {
    case 'offer': {
      const assignment = assignmentToProto(change.assignment);
      return create(ChangeSchema, { change: { case: 'offer', value: { assignment } } });
    }
    case 'withdraw':
      return create(ChangeSchema, { change: { case: 'withdraw', value: { attemptId } } });
    case 'start':
      return create(ChangeSchema, { change: { case: 'start', value: { attemptId } } });
    case 'stop': {
      const stoppedBy = stopReasonCodec.toProto(change.stoppedBy);
      return create(ChangeSchema, { change: { case: 'stop', value: { attemptId, stoppedBy } } });
    }
    default:
      return assertNever(change);
  }
}

/** Answers a heartbeat. */
export function heartbeatAck(heartbeatSequence: bigint, serverTimeMs: number): OutMessage {
  const value = create(HeartbeatAckSchema, { heartbeatSequence, serverTime: toTimestamp(serverTimeMs) });
  return { case: 'heartbeatAck', value };
}

/** A status that is durable. */
export interface DurableStatus {
  readonly attemptId: AttemptId;
  readonly state: AttemptState['kind'];
}

/** Statuses that are durable, at least one. */
export function statusAck(statuses: readonly DurableStatus[]): OutMessage {
  const value = create(StatusAckSchema, {
    statuses: statuses.map(({ attemptId, state }) => ({ attemptId, state: attemptStates.toProto(state) })),
  });
  return { case: 'statusAck', value };
}

/** Attempts that may be deleted, at least one. */
export function forget(attemptIds: readonly AttemptId[]): OutMessage {
  return { case: 'forget', value: create(ForgetSchema, { attemptIds: [...attemptIds] }) };
}

/** Output that is durable. */
export function logAck(position: LogPosition): OutMessage {
  return { case: 'logAck', value: logAckValue(position) };
}

function logAckValue(position: LogPosition): LogAck {
  return create(LogAckSchema, {
    attemptId: position.attemptId,
    run: position.run,
    stream: outputStreams.toProto(position.stream),
    nextOffsetBytes: BigInt(position.nextOffsetBytes),
  });
}

/** Answers a frame that was not understood. */
export function unsupported(sequence: bigint): OutMessage {
  return { case: 'unsupported', value: create(UnsupportedSchema, { sequence }) };
}

/** Closes the session. */
export function goodbye(reason: EndReason, message: string, retryAfterMs: number | undefined): OutMessage {
  const value = create(GoodbyeSchema, {
    reason: goodbyeReasons.toProto(reason),
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfter: toDuration(retryAfterMs) }),
  });
  return { case: 'goodbye', value };
}
