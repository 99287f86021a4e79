/**
 * All that waits to be sent to one agent, and the one writer that sends it. Only here are frames numbered.
 *
 * Frames with a place of their own (welcome, answers, goodbye) keep their order. The rest is coalesced: what is said
 * within one turn of the event loop, or while the agent reads slowly, goes out as one frame: changes of assignments,
 * durable statuses, attempts to forget; of log_ack only the newest per stream. What is held is bounded: an agent that
 * takes nothing any more is cut off by `onOverflow`.
 */
import { create } from '@bufbuild/protobuf';
import type { Clock } from '@muster/common/clock/clock';
import type { FrameChannel } from '@muster/common/grpc/frame-channel';
import type { AttemptId } from '@muster/common/ids/ids';
import {
  type ConnectRequest,
  type ConnectResponse,
  ConnectResponseSchema,
} from '@muster/gen/muster/agent/v1/agent_service_pb';
import {
  changeSet,
  completeSet,
  type DurableStatus,
  forget,
  logAck,
  type OutMessage,
  statusAck,
} from '../wire/agent-frames-out.ts';
import { type FittedSet, MOST_SPEC_BYTES_PER_FRAME, roughSpecBytes } from './complete-set.ts';
import type { AssignmentChange, LogPosition } from './session-ports.ts';

/** The agent's side of the stream. */
export type AgentChannel = FrameChannel<ConnectRequest, ConnectResponse>;

/**
 * Entries held at most. An agent of 1,000 attempts needs an answer to each status and an acknowledgement per stream;
 * ten times that is a peer that does not read.
 */
const MOST_ENTRIES = 10_000;

/** Changes, statuses or attempts per frame: with 1 MiB scripts frames must stay below 4 MiB (P7), so offers count by size. */
const MOST_PER_FRAME = 500;

/** The writer of one session. */
export class Outbox {
  readonly #channel: AgentChannel;
  readonly #clock: Clock;
  readonly #onOverflow: (reason: string) => void;
  readonly #frames: OutMessage[] = [];
  readonly #logAcks = new Map<string, LogPosition>();
  #changes: AssignmentChange[] = [];
  #statuses: DurableStatus[] = [];
  #forgets: AttemptId[] = [];
  /** Changes wait for the COMPLETE set, which is revision 1. */
  #revision = 0;
  #sequence = 0n;
  #closing = false;
  #writing = false;
  #scheduled = false;
  #waitingSinceMs: number | undefined;

  constructor(channel: AgentChannel, clock: Clock, onOverflow: (reason: string) => void) {
    this.#channel = channel;
    this.#clock = clock;
    this.#onOverflow = onOverflow;
  }

  /** For how long the agent has taken nothing while something waits, in milliseconds. 0: it is not waited for. */
  stalledMs(nowMonotonicMs: number): number {
    return this.#waitingSinceMs === undefined ? 0 : nowMonotonicMs - this.#waitingSinceMs;
  }

  /** Revision of the last assignments frame that was made. 0: none. */
  get revision(): number {
    return this.#revision;
  }

  /** Adds a frame that keeps its place. */
  push(message: OutMessage): void {
    this.#frames.push(message);
    this.#added();
  }

  /** The COMPLETE set; changes that were said before follow it. */
  complete({ complete, withoutSpec, following }: FittedSet): void {
    this.#revision = 1;
    this.#changes.unshift(...following);
    this.push(completeSet(complete, withoutSpec));
  }

  /** Adds a change of the node's assignments. */
  change(change: AssignmentChange): void {
    this.#changes.push(change);
    this.#added();
  }

  /** Adds a status that is durable. */
  status(status: DurableStatus): void {
    this.#statuses.push(status);
    this.#added();
  }

  /** Adds attempts that may be deleted. */
  forget(attemptIds: readonly AttemptId[]): void {
    this.#forgets.push(...attemptIds);
    this.#added();
  }

  /** Adds where a stream goes on; an older one that was not sent yet is replaced. */
  logAck(position: LogPosition): void {
    this.#logAcks.set(`${position.attemptId}/${position.run}/${position.stream}`, position);
    this.#added();
  }

  /** Sends what is held, then closes our half. */
  close(): void {
    this.#closing = true;
    this.#schedule();
  }

  /** Sends nothing more. Frames already written still go out. */
  discard(): void {
    this.#frames.length = 0;
    this.#changes = [];
    this.#statuses = [];
    this.#forgets = [];
    this.#logAcks.clear();
    this.#waitingSinceMs = undefined;
  }

  /** Writes these frames past all that is held and nothing after them. For a goodbye before an abort. */
  last(message: OutMessage): void {
    this.discard();
    this.#send(message).catch(() => undefined);
  }

  #added(): void {
    const entries =
      this.#frames.length + this.#changes.length + this.#statuses.length + this.#forgets.length + this.#logAcks.size;
    if (entries > MOST_ENTRIES) {
      this.discard();
      this.#onOverflow(`the node does not read: ${entries} entries wait to be sent to it`);
      return;
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      // A stream that broke is noticed by its reader, who ends the session.
      this.#write().catch(() => this.discard());
    });
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      for (let message = this.#next(); message !== undefined; message = this.#next()) await this.#send(message);
      if (this.#closing) this.#channel.close();
    } finally {
      this.#writing = false;
    }
  }

  async #send(message: OutMessage): Promise<void> {
    this.#sequence += 1n;
    const sent = this.#channel.send(create(ConnectResponseSchema, { sequence: this.#sequence, message }));
    if (!this.#channel.writableNow) this.#waitingSinceMs ??= this.#clock.monotonicMs();
    await sent;
    this.#waitingSinceMs = undefined;
  }

  /** What goes out next. Acknowledgements of output come before forget, which ends what they are about. */
  #next(): OutMessage | undefined {
    const frame = this.#frames.shift();
    if (frame !== undefined) return frame;
    if (this.#changes.length > 0 && this.#revision > 0) {
      this.#revision += 1;
      return changeSet(this.#revision, this.#takeChanges());
    }
    if (this.#statuses.length > 0) return statusAck(this.#statuses.splice(0, MOST_PER_FRAME));
    for (const [key, position] of this.#logAcks) {
      this.#logAcks.delete(key);
      return logAck(position);
    }
    return this.#forgets.length > 0 ? forget(this.#forgets.splice(0, MOST_PER_FRAME)) : undefined;
  }

  #takeChanges(): AssignmentChange[] {
    let specBytes = 0;
    let count = 0;
    for (const change of this.#changes) {
      specBytes += change.kind === 'offer' ? roughSpecBytes(change.assignment) : 0;
      if (count > 0 && (count >= MOST_PER_FRAME || specBytes > MOST_SPEC_BYTES_PER_FRAME)) break;
      count += 1;
    }
    return this.#changes.splice(0, count);
  }
}
