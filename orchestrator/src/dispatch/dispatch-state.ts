// What dispatch holds in memory. All of it is rebuilt from the store and the agents' hellos at start; none of it decides a race.
import type { Clock } from '@muster/common/clock/clock';
import type { AttemptId, Ids, NodeId } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import type { Wakeup } from '@muster/common/queue/signal-flag';
import type { Candidate } from '../domain/placement.ts';
import type { JobFeed } from '../jobs/job-feed.ts';
import type { JobStore, StatusReport } from '../jobs/job-store.ts';
import type { AgentSession, LogPosition } from '../sessions/session-ports.ts';
import type { AttemptBook } from './attempt-book.ts';
import type { Offers } from './offers.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** A node's facts, as placement needs them. */
export type NodeFacts = Omit<Candidate, 'online' | 'activeAttempts' | 'maxAttempts' | 'lastUsed'>;

/** The enrolled nodes. */
export interface NodeFactsPort {
  all(): Iterable<NodeFacts>;
  get(id: NodeId): NodeFacts | undefined;
  /** Why it is gone for good. Undefined: it is not. */
  endOf(id: NodeId): 'removed' | 'replaced' | undefined;
  /** Whether it is out of contact, or gone for good. */
  outOfContact(id: NodeId): boolean;
  /** The node holds these attempts and the store does not know them. */
  setForeign(id: NodeId, attemptIds: readonly AttemptId[]): void;
}

/** The logs, as dispatch needs them. */
export interface LogsPort {
  /** Every stream's length is known: once all of it is settled, `onSettled` is called. */
  lengthsKnown(attemptId: AttemptId, lengths: StatusReport['streamLengths']): void;
  /** No more bytes come: settles with what there is, missing bytes as a gap where the length is known. */
  endLog(attemptId: AttemptId, lengths: StatusReport['streamLengths'] | undefined): void;
  /** Where the node is to go on, one entry per stream that has bytes. */
  positions(attemptId: AttemptId): Promise<readonly LogPosition[]>;
}

/** Everything the functions of this folder work with. */
export interface Dispatch {
  readonly queue: WaitingQueue;
  readonly offers: Offers;
  readonly book: AttemptBook;
  /** Sessions that may be offered work. */
  readonly sessions: Map<NodeId, AgentSession>;
  /** Sessions that left an offer without an answer, with the monotonic time of that: nothing is offered to them until they say something. */
  readonly unresponsive: Map<AgentSession, number>;
  /** When each node was last offered something; a count, not a time. */
  readonly lastUsed: Map<NodeId, number>;
  /** Something may fit now. */
  readonly wakeup: Wakeup;
  readonly store: JobStore;
  readonly nodes: NodeFactsPort;
  readonly logs: LogsPort;
  readonly feed: JobFeed;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** A piece of work that nobody waits for; a rejection is logged and ends nothing. */
  readonly background: (what: string, work: Promise<unknown>) => void;
}
