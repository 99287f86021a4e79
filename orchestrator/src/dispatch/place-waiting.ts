// One look at what waits: each task that fits a node is offered to it. Synchronous, so that nothing changes underneath.
import { asAttemptId, type NodeId } from '@muster/common/ids/ids';
import { type Candidate, place } from '../domain/placement.ts';
import type { Dispatch, NodeFacts } from './dispatch-state.ts';
import type { WaitingTask } from './waiting-queue.ts';

/** An agent answers from memory; ten seconds without an answer mean that it is stuck or gone. */
const OFFER_ANSWER_MS = 10_000;

type Draft = { -readonly [K in keyof Candidate]: Candidate[K] };

/** Offers what fits. */
export function placeWaiting(dispatch: Dispatch): void {
  if (dispatch.queue.size === 0 || dispatch.sessions.size === 0) return;
  const candidates = new Map<NodeId, Draft>();
  for (const id of dispatch.sessions.keys()) {
    const facts = dispatch.nodes.get(id);
    if (facts !== undefined) candidates.set(id, candidateOf(dispatch, facts));
  }
  const all = [...candidates.values()];
  dispatch.queue.drain((task) => {
    const pinned = task.pinnedTo === undefined ? undefined : candidates.get(task.pinnedTo);
    const asked = task.pinnedTo === undefined ? all : pinned === undefined ? [] : [pinned];
    const placement = place({ ...task.requirement, avoid: task.avoid }, asked);
    if (placement.kind === 'none') return false;
    const chosen = candidates.get(placement.nodeId);
    if (chosen === undefined || !offer(dispatch, task, placement.nodeId)) return false;
    chosen.activeAttempts += 1;
    chosen.lastUsed = dispatch.lastUsed.get(placement.nodeId) ?? 0;
    return true;
  });
}

/** Why a task waits, in a sentence; computed when somebody asks. Undefined: it does not wait, or an offer of it is under way. */
export function whyWaiting(dispatch: Dispatch, task: WaitingTask | undefined): string | undefined {
  if (task === undefined) return undefined;
  const facts = task.pinnedTo === undefined ? [...dispatch.nodes.all()] : [dispatch.nodes.get(task.pinnedTo)];
  const candidates = facts.flatMap((each) => (each === undefined ? [] : [candidateOf(dispatch, each)]));
  const placement = place({ ...task.requirement, avoid: task.avoid }, candidates);
  return placement.kind === 'none' ? placement.message : undefined;
}

function candidateOf(dispatch: Dispatch, facts: NodeFacts): Draft {
  const session = dispatch.sessions.get(facts.id);
  return {
    ...facts,
    online: session !== undefined && !session.ended && !dispatch.unresponsive.has(session),
    activeAttempts: dispatch.book.activeCount(facts.id) + dispatch.offers.countOf(facts.id),
    maxAttempts: session?.maxAttempts ?? 1,
    lastUsed: dispatch.lastUsed.get(facts.id) ?? 0,
  };
}

let offersMade = 0;

function offer(dispatch: Dispatch, task: WaitingTask, nodeId: NodeId): boolean {
  const session = dispatch.sessions.get(nodeId);
  if (session === undefined || session.ended) return false;
  const attemptId = asAttemptId(dispatch.ids.next());
  const deadlineMs = dispatch.clock.monotonicMs() + OFFER_ANSWER_MS;
  dispatch.offers.set({ attemptId, task, session, deadlineMs });
  offersMade += 1;
  dispatch.lastUsed.set(nodeId, offersMade);
  session.assign({
    kind: 'offer',
    // The number is given when the start is allowed: an offer that comes to nothing uses none up.
    assignment: { attemptId, jobId: task.jobId, taskIndex: task.taskIndex, attemptNumber: 0, spec: task.spec },
  });
  // A session that breaks by it (it takes nothing any more) has given its offers back already: the task is to stay in the queue.
  return dispatch.offers.get(attemptId) !== undefined;
}
