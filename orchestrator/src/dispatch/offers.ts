// Offers that are under way, in memory only: nothing was promised yet, so each may be forgotten or withdrawn at any time and the task
// provably never started.
//
//   (placed) --offer--> offered --accepted--> allowing --commit--> allowed: the attempt is the store's
//                          |                      |
//                          | refused, withdrawn,  | the task is no longer queued:
//                          | deadline, session    | withdraw, forget
//                          v ended                v
//                       back to the queue      (nothing)
import type { AttemptId, JobId, NodeId } from '@muster/common/ids/ids';
import type { AgentSession } from '../sessions/session-ports.ts';
import { type WaitingTask, waitingKey } from './waiting-queue.ts';

/** An offer and how far it got. */
export interface Offer {
  readonly attemptId: AttemptId;
  readonly task: WaitingTask;
  readonly session: AgentSession;
  /** Monotonic; an answer is due by then. */
  readonly deadlineMs: number;
  /** Set once the node has accepted: resolves when the commit of the permission to start has been dealt with. */
  readonly allowing?: Promise<void>;
}

export class Offers {
  readonly #byAttempt = new Map<AttemptId, Offer>();
  readonly #byTask = new Map<string, AttemptId>();
  readonly #byNode = new Map<NodeId, Set<AttemptId>>();

  get size(): number {
    return this.#byAttempt.size;
  }

  /** Enters an offer, or replaces it by how far it has got. */
  set(offer: Offer): void {
    this.#byAttempt.set(offer.attemptId, offer);
    this.#byTask.set(waitingKey(offer.task.jobId, offer.task.taskIndex), offer.attemptId);
    const ofNode = this.#byNode.get(offer.session.nodeId) ?? new Set<AttemptId>();
    ofNode.add(offer.attemptId);
    this.#byNode.set(offer.session.nodeId, ofNode);
  }

  get(attemptId: AttemptId): Offer | undefined {
    return this.#byAttempt.get(attemptId);
  }

  ofTask(jobId: JobId, taskIndex: number): Offer | undefined {
    const attemptId = this.#byTask.get(waitingKey(jobId, taskIndex));
    return attemptId === undefined ? undefined : this.#byAttempt.get(attemptId);
  }

  ofNode(nodeId: NodeId): readonly Offer[] {
    return [...(this.#byNode.get(nodeId) ?? [])].flatMap((id) => this.#byAttempt.get(id) ?? []);
  }

  countOf(nodeId: NodeId): number {
    return this.#byNode.get(nodeId)?.size ?? 0;
  }

  remove(attemptId: AttemptId): Offer | undefined {
    const offer = this.#byAttempt.get(attemptId);
    if (offer === undefined) return undefined;
    this.#byAttempt.delete(attemptId);
    this.#byTask.delete(waitingKey(offer.task.jobId, offer.task.taskIndex));
    const ofNode = this.#byNode.get(offer.session.nodeId);
    ofNode?.delete(attemptId);
    if (ofNode?.size === 0) this.#byNode.delete(offer.session.nodeId);
    return offer;
  }

  /** Offers whose answer is overdue. An accepted one is not: its commit is under way. */
  overdue(nowMs: number): readonly Offer[] {
    return [...this.#byAttempt.values()].filter((offer) => offer.allowing === undefined && offer.deadlineMs <= nowMs);
  }
}
