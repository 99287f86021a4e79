/**
 * What a session needs from the rest of the agent, declared by the consumer and joined in compose.ts. The connection
 * carries frames and keeps the protocol's rules; what they mean for attempts and output is decided behind these ports.
 * None of the methods that return nothing may wait or throw for a frame's content.
 */
import type { Assignment, AttemptStatus, Refused } from '@muster/gen/muster/agent/v1/assignment_pb';
import type { LogChunk, LogGap } from '@muster/gen/muster/agent/v1/log_pb';
import type { AttemptVerdict, HeldAttempt, LogAck, LogSettings } from '@muster/gen/muster/agent/v1/session_pb';
import type { AttemptState, StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import type { Fingerprint, NodeUsage } from '@muster/gen/muster/node/v1/fingerprint_pb';

/** The answer to an offer. */
export type OfferReply = { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly refused: Refused };

/** The attempts of this node. */
export interface WorkPort {
  /** Every attempt in the ledger, for hello. */
  held(): readonly HeldAttempt[];
  /** What welcome says about an attempt that hello named. */
  verdict(verdict: AttemptVerdict): void;
  /** The COMPLETE set. Adds and confirms; ends nothing (P16). */
  complete(assignments: readonly Assignment[]): void;
  /** Asks only; the answer may come later, and not at all once the offer is dead. */
  offer(assignment: Assignment, reply: (reply: OfferReply) => void): void;
  withdraw(attemptId: string): void;
  /** `not_offered`: neither held nor offered in this session. */
  start(attemptId: string): 'known' | 'not_offered';
  stop(attemptId: string, stoppedBy: StoppedBy): void;
  forget(attemptIds: readonly string[]): void;
  setDraining(draining: boolean): void;
  /** The session is over: its offers are dead. */
  sessionEnded(): void;
}

/** A frame of output. */
export type LogFrame =
  | { readonly case: 'logChunk'; readonly value: LogChunk }
  | { readonly case: 'logGap'; readonly value: LogGap };

/** The output of this node's runs. */
export interface LogPort {
  /** A session begins: its settings, and where the orchestrator wants to go on. */
  open(settings: LogSettings | undefined, acks: readonly LogAck[]): void;
  configure(settings: LogSettings): void;
  ack(ack: LogAck): void;
  /** Sends what there is and what comes, within the windows, until aborted. `send` resolves when there is room for more. */
  ship(send: (frame: LogFrame) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/** Statuses that wait for their acknowledgement; they outlive sessions. */
export interface StatusPort {
  /** All statuses are to be sent again in the session that begins. */
  resendAll(): void;
  /** The next one to send; undefined where there is none. */
  take(): AttemptStatus | undefined;
  acked(attemptId: string, state: AttemptState): void;
  /** Calls `wake` whenever there may be something to take, until disposed. */
  onPending(wake: () => void): Disposable;
}

/** What the node's store epochs were. */
export interface EpochPort {
  readonly highestStoreEpoch: bigint;
  /** Keeps a higher epoch durably. */
  recordStoreEpoch(epoch: bigint): Promise<void>;
}

/** What the probes found, and what is in use. */
export interface FingerprintPort {
  readonly fingerprint: Fingerprint;
  /** Each new result from now on; throws the signal's reason when aborted. */
  changes(signal: AbortSignal): AsyncIterable<Fingerprint>;
  usage(): NodeUsage;
}

/** Who this agent is, for hello. */
export interface HelloFacts {
  readonly ledgerId: string;
  readonly bootId: string;
  readonly processId: string;
  readonly machineIdHash: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly maxAttempts: number;
}
