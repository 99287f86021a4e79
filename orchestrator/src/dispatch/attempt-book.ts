// Every attempt that is not settled (it may still run, or its log is not complete), by id and by node, and the foreign ones that nodes
// hold and the store does not know. What it says follows the store's commits; it decides nothing. Answers two questions on the hot path
// without reading the store: whose attempt is this, and how many does a node have.
import type { AttemptId, JobId, NodeId } from '@muster/common/ids/ids';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Attempt } from '../domain/job.ts';

/** An unsettled attempt. */
export interface OpenAttempt {
  readonly jobId: JobId;
  readonly taskIndex: number;
  readonly spec: JobSpec;
  readonly attempt: Attempt;
}

/** Whether an attempt may still run. */
export function isActive(attempt: Attempt): boolean {
  return attempt.state.kind !== 'ended' && attempt.state.kind !== 'not_run';
}

export class AttemptBook {
  readonly #open = new Map<AttemptId, OpenAttempt>();
  readonly #activeByNode = new Map<NodeId, Set<AttemptId>>();
  readonly #foreign = new Map<AttemptId, NodeId>();

  /** Enters an attempt, or replaces what is known of it. */
  enter(entry: OpenAttempt): void {
    this.#open.set(entry.attempt.id, entry);
    const active = this.#activeOf(entry.attempt.nodeId);
    if (isActive(entry.attempt)) active.add(entry.attempt.id);
    else active.delete(entry.attempt.id);
  }

  /** Takes in the newest of an attempt that is open; ignores others. */
  update(attempt: Attempt): void {
    const entry = this.#open.get(attempt.id);
    if (entry !== undefined) this.enter({ ...entry, attempt });
  }

  /** Removes an attempt that is settled. */
  settle(id: AttemptId): void {
    const entry = this.#open.get(id);
    if (entry === undefined) return;
    this.#open.delete(id);
    this.#activeByNode.get(entry.attempt.nodeId)?.delete(id);
  }

  /** All of them. */
  open(): Iterable<OpenAttempt> {
    return this.#open.values();
  }

  get(id: AttemptId): OpenAttempt | undefined {
    return this.#open.get(id);
  }

  /** The node that may report about an attempt: its own, or the one that holds it as foreign. */
  ownerOf(id: AttemptId): NodeId | undefined {
    return this.#open.get(id)?.attempt.nodeId ?? this.#foreign.get(id);
  }

  isForeign(id: AttemptId): boolean {
    return this.#foreign.has(id);
  }

  /** Attempts of a node that may still run. */
  activeCount(nodeId: NodeId): number {
    return this.#activeByNode.get(nodeId)?.size ?? 0;
  }

  /** Replaces what a node holds and the store does not know. */
  setForeign(nodeId: NodeId, ids: readonly AttemptId[]): void {
    for (const [id, holder] of this.#foreign) if (holder === nodeId) this.#foreign.delete(id);
    for (const id of ids) this.#foreign.set(id, nodeId);
  }

  /** Attempts that are not settled. */
  get size(): number {
    return this.#open.size;
  }

  #activeOf(nodeId: NodeId): Set<AttemptId> {
    const existing = this.#activeByNode.get(nodeId);
    if (existing !== undefined) return existing;
    const fresh = new Set<AttemptId>();
    this.#activeByNode.set(nodeId, fresh);
    return fresh;
  }
}
