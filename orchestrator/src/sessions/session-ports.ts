// What sessions need from the rest, declared here by the consumer and joined in compose.ts, and what the rest sees of a session.
// sessions/ owns the stream and its rules (sequence, windows, revisions); it knows nothing of the store, the queue or the log files.
import type { AttemptId, JobId, LedgerId, NodeId, ProcessId, SessionId } from '@muster/common/ids/ids';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Fingerprint, NodeUsage } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { AttemptState, NotRunOutcome, OutputStreamName, StopReason } from '../domain/job.ts';
import type { NodeRecord } from '../domain/node.ts';
import type { StatusReport } from '../jobs/job-store.ts';

/** An attempt as handed to an agent. */
export interface Assignment {
  readonly attemptId: AttemptId;
  readonly jobId: JobId;
  readonly taskIndex: number;
  readonly attemptNumber: number;
  readonly spec: JobSpec;
  /** In the COMPLETE set: a stop that was asked for. */
  readonly stop?: StopReason;
}

/** One change of a node's assignments. Changes of one turn of the event loop go out in one frame. */
export type AssignmentChange =
  | { readonly kind: 'offer'; readonly assignment: Assignment }
  | { readonly kind: 'withdraw'; readonly attemptId: AttemptId }
  | { readonly kind: 'start'; readonly attemptId: AttemptId }
  | { readonly kind: 'stop'; readonly attemptId: AttemptId; readonly stoppedBy: StopReason };

/** Where a stream of a run goes on. */
export interface LogPosition {
  readonly attemptId: AttemptId;
  readonly run: number;
  readonly stream: OutputStreamName;
  readonly nextOffsetBytes: number;
}

/** Why we close a session. */
export type EndReason = 'shutdown' | 'superseded' | 'revoked' | 'overloaded';

/** A live session as the rest sees it. Its methods never throw and never wait; on a session that has ended they do nothing. */
export interface AgentSession {
  readonly id: SessionId;
  readonly nodeId: NodeId;
  readonly nodeName: string;
  readonly ledgerId: LedgerId;
  readonly bootId: string;
  readonly processId: ProcessId;
  /** Where it came from, host:port. */
  readonly address: string;
  /** Most attempts the node runs at once. */
  readonly maxAttempts: number;
  readonly ended: boolean;
  /** When its last frame came; monotonic. */
  readonly heardAtMs: number;
  assign(change: AssignmentChange): void;
  ackStatus(attemptId: AttemptId, state: AttemptState['kind']): void;
  forget(attemptIds: readonly AttemptId[]): void;
  /** Everything before the position is settled. `beyondDropped`: what came beyond it was not kept, so the node sends it again. */
  ackLog(position: LogPosition, beyondDropped?: boolean): void;
  /** Says goodbye and closes. */
  end(reason: EndReason, message: string, retryAfterMs?: number): void;
}

/** What the agent holds, from its hello. */
export interface HeldAttempt {
  readonly attemptId: AttemptId;
  readonly run: number;
  readonly state: AttemptState['kind'] | 'offered' | 'accepted';
}

/** What hello says, converted. */
export interface HelloReport {
  readonly highestStoreEpoch: number;
  readonly machineIdHash: string;
  readonly agentVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fingerprint: Fingerprint;
  readonly held: readonly HeldAttempt[];
}

/** What welcome and the COMPLETE set say about attempts. */
export interface Reconciliation {
  readonly verdicts: readonly {
    readonly attemptId: AttemptId;
    readonly verdict: 'keep' | 'stop' | 'forget';
    readonly stoppedBy?: StopReason;
    readonly acks: readonly LogPosition[];
  }[];
  readonly complete: readonly Assignment[];
}

/** Answers of a node to an offer. */
export type OfferReply = { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly outcome: NotRunOutcome };

/** Work, as sessions need it: implemented by dispatch/. */
export interface WorkPort {
  /** Compares what the agent holds with what is stored. Changes that happen while it runs are sent after the COMPLETE set. */
  opened(session: AgentSession, hello: HelloReport): Promise<Reconciliation>;
  /** The session has got its welcome and COMPLETE set: it may be offered work. */
  established(session: AgentSession): void;
  replied(session: AgentSession, attemptId: AttemptId, reply: OfferReply): void;
  /**
   * Takes a status; answers with session.ackStatus when it is durable. 'foreign' statuses (held at hello, unknown to the store) are acknowledged by it too.
   * Resolves with 'unknown' for an attempt of another node or none: the session ends with PERMISSION_DENIED.
   */
  reported(session: AgentSession, report: StatusReport): Promise<'taken' | 'unknown'>;
  /** The session is over; offers die with it. */
  closed(session: AgentSession): void;
}

/** A piece of output, checked. */
export interface IncomingChunk {
  readonly attemptId: AttemptId;
  readonly run: number;
  readonly stream: OutputStreamName;
  readonly offsetBytes: number;
  /** 1 byte to 256 KiB; the receiver keeps it. */
  readonly data: Uint8Array;
  readonly observedAtMs: number;
}

/** A piece of output that is gone, checked. */
export interface IncomingGap {
  readonly attemptId: AttemptId;
  readonly run: number;
  readonly stream: OutputStreamName;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly reason: 'unspecified' | 'spool_full' | 'disk_error' | 'file_gone' | 'node_rebooted';
}

/** Log intake, as sessions need it: implemented by logs/. It acknowledges by session.ackLog after durability. */
export interface LogPort {
  /** Whether the node may write this attempt's log; 'unknown' ends the session with PERMISSION_DENIED. Resolves when the bytes are taken over (not yet durable). */
  chunk(session: AgentSession, chunk: IncomingChunk): Promise<'taken' | 'unknown'>;
  gap(session: AgentSession, gap: IncomingGap): Promise<'taken' | 'unknown'>;
}

/** The node's own facts, as sessions need them: implemented over NodeStore and the live registry. */
export interface NodePort {
  /** Undefined: no such certificate, or revoked, or expired. */
  identify(certificateSha256: string): Promise<NodeRecord | undefined>;
  hello(session: AgentSession, hello: HelloReport): Promise<NodeRecord>;
  fingerprint(session: AgentSession, fingerprint: Fingerprint): void;
  heartbeat(session: AgentSession, appliedRevision: number, usage: NodeUsage | undefined): void;
  /** Any frame has come. Called for each, so it must be cheap. */
  heard(session: AgentSession): void;
  /** The agent said that it ends: it is out of contact at once. */
  left(session: AgentSession): void;
  /** The session's welcome and COMPLETE set are on their way. */
  established(session: AgentSession): void;
  /** Several machines seem to share the node's certificate: it gets no work until a user lifts that. */
  quarantine(nodeId: NodeId, reason: string): void;
  /** The session is over. */
  closed(session: AgentSession): void;
}
