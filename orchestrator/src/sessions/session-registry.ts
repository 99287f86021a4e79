/**
 * The live session of each node. The newest fences the older one (P4), and a node whose sessions keep fencing each
 * other from different ledgers or processes is a suspected clone (P8).
 */
import type { Clock } from '@muster/common/clock/clock';
import type { NodeId } from '@muster/common/ids/ids';
import type { AgentSession } from './session-ports.ts';

/** More takeovers than this within a minute are no agent that restarts: those come from one machine, after its stream ended. */
const MOST_TAKEOVERS = 3;
const TAKEOVER_WINDOW_MS = 60_000;

/** A session as the registry needs it. */
export interface RegisteredSession extends AgentSession {
  /** Ends what is stuck: a peer that does not read, a goodbye without an end. */
  sweep(nowMonotonicMs: number): void;
}

/** Called when a node is a suspected clone. */
export type OnClone = (nodeId: NodeId, reason: string) => void;

/** The table of live sessions. */
export class SessionRegistry {
  readonly #live = new Map<NodeId, RegisteredSession>();
  readonly #takeovers = new Map<NodeId, number[]>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The node's session. */
  get(nodeId: NodeId): RegisteredSession | undefined {
    return this.#live.get(nodeId);
  }

  /** All live sessions. */
  all(): IterableIterator<RegisteredSession> {
    return this.#live.values();
  }

  /** How many are live. */
  get size(): number {
    return this.#live.size;
  }

  /** Makes a session its node's only one; an older one is ended as superseded. */
  claim(session: RegisteredSession, onClone: OnClone): void {
    const older = this.#live.get(session.nodeId);
    this.#live.set(session.nodeId, session);
    if (older === undefined) return;
    // One that has said goodbye is only on its way out: its node was not taken over.
    const live = !older.ended;
    older.end('superseded', `a newer session of this node came from ${session.address}`);
    const stranger = live && (older.ledgerId !== session.ledgerId || older.processId !== session.processId);
    if (stranger && this.#countTakeover(session.nodeId) > MOST_TAKEOVERS)
      onClone(session.nodeId, cloneText(older, session));
  }

  /** Takes a session out, if it is still the node's. */
  release(session: RegisteredSession): void {
    if (this.#live.get(session.nodeId) === session) this.#live.delete(session.nodeId);
  }

  /** Ends what is stuck; forgets takeovers that are long past. */
  sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const session of this.#live.values()) session.sweep(nowMs);
    for (const [nodeId, times] of this.#takeovers) {
      if ((times.at(-1) ?? 0) < nowMs - TAKEOVER_WINDOW_MS) this.#takeovers.delete(nodeId);
    }
  }

  #countTakeover(nodeId: NodeId): number {
    const nowMs = this.#clock.monotonicMs();
    const recent = (this.#takeovers.get(nodeId) ?? []).filter((timeMs) => timeMs > nowMs - TAKEOVER_WINDOW_MS);
    recent.push(nowMs);
    this.#takeovers.set(nodeId, recent);
    return recent.length;
  }
}

function cloneText(older: AgentSession, newer: AgentSession): string {
  return (
    `two agents use this node's certificate: sessions from ${older.address} and ${newer.address} took over from each ` +
    `other more than ${MOST_TAKEOVERS} times within a minute; enrol one of the machines anew, then uncordon the node`
  );
}
