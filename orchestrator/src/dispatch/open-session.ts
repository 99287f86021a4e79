// A node says hello: what it holds is compared with the store (reconcile.ts), and the outcome is carried out before it gets its welcome.
import type { AttemptId } from '@muster/common/ids/ids';
import type { UnsettledAttempt } from '../jobs/job-store.ts';
import type { AgentSession, Assignment, HelloReport, LogPosition, Reconciliation } from '../sessions/session-ports.ts';
import { isActive } from './attempt-book.ts';
import type { Dispatch } from './dispatch-state.ts';
import { type Known, type ReconcilePlan, reconcile } from './reconcile.ts';
import { applyResult, lengthsOf } from './status-intake.ts';

/** Welcome and COMPLETE set, and what they were made from. */
export interface PreparedSession extends Reconciliation {
  /** The node's attempts that were not settled then. */
  readonly unsettled: ReadonlySet<AttemptId>;
}

/** Prepares welcome and COMPLETE set. */
export async function openSession(
  dispatch: Dispatch,
  session: AgentSession,
  hello: HelloReport,
): Promise<PreparedSession> {
  dropOffers(dispatch, session);
  // A permission to start whose commit is under way must be seen below, or the attempt would be in neither session.
  await Promise.allSettled(dispatch.offers.ofNode(session.nodeId).flatMap((offer) => offer.allowing ?? []));
  const unsettled = await dispatch.store.unsettled(session.nodeId);
  const { known, ofOthers } = await lookUp(dispatch, session, hello, unsettled);
  const plan = reconcile(session, hello.held, unsettled, (id) => known.get(id) ?? 'unknown');
  await carryOut(dispatch, session, { ...plan, foreign: plan.foreign.filter((id) => !ofOthers.has(id)) });
  const going = [...plan.keep, ...plan.stop.map((each) => each.attemptId)];
  const positions = await positionsOf(
    dispatch,
    going.filter((id) => !ofOthers.has(id)),
  );
  return {
    verdicts: [
      ...plan.keep.map((attemptId) => ({ attemptId, verdict: 'keep' as const, acks: positions.get(attemptId) ?? [] })),
      ...plan.stop.map((each) => ({ ...each, verdict: 'stop' as const, acks: positions.get(each.attemptId) ?? [] })),
      ...plan.forget.map((attemptId) => ({ attemptId, verdict: 'forget' as const, acks: [] })),
    ],
    complete: plan.complete.map(assignmentOf),
    unsettled: new Set(unsettled.map((each) => each.attempt.id)),
  };
}

/**
 * Says what has changed since welcome and COMPLETE set were prepared: until now nobody could tell this session, and those who stopped an
 * attempt or settled its log do not say it again.
 */
export function tellChanges(
  dispatch: Dispatch,
  session: AgentSession,
  { verdicts, complete, unsettled }: PreparedSession,
): void {
  for (const { attemptId, stop } of complete) {
    const attempt = dispatch.book.get(attemptId)?.attempt;
    if (stop !== undefined || attempt?.stopRequested === undefined || !isActive(attempt)) continue;
    session.assign({ kind: 'stop', attemptId, stoppedBy: attempt.stopRequested });
  }
  const settled = verdicts
    .map(({ attemptId }) => attemptId)
    .filter((id) => unsettled.has(id) && dispatch.book.get(id) === undefined);
  if (settled.length > 0) session.forget(settled);
}

/** Offers die with their session; a task whose start is being committed is past that. */
export function dropOffers(dispatch: Dispatch, newer: AgentSession | undefined, ended?: AgentSession): void {
  const nodeId = newer?.nodeId ?? ended?.nodeId;
  if (nodeId === undefined) return;
  for (const offer of dispatch.offers.ofNode(nodeId)) {
    if (offer.session === newer || (ended !== undefined && offer.session !== ended)) continue;
    if (offer.allowing !== undefined) continue;
    dispatch.offers.remove(offer.attemptId);
    dispatch.queue.add(offer.task);
  }
  dispatch.wakeup.notify();
}

/** What the store knows about held attempts that are not open. */
interface LookUp {
  readonly known: ReadonlyMap<AttemptId, Known>;
  /** Attempts of other nodes: this one may neither write nor see anything of them. Those of nodes that are gone for good are nobody's. */
  readonly ofOthers: ReadonlySet<AttemptId>;
}

/** One look each: nodes hold few that are settled or nobody's. */
async function lookUp(
  dispatch: Dispatch,
  session: AgentSession,
  hello: HelloReport,
  unsettled: readonly UnsettledAttempt[],
): Promise<LookUp> {
  const open = new Set(unsettled.map((each) => each.attempt.id));
  const others = hello.held.map((each) => each.attemptId).filter((id) => !open.has(id));
  const found = await Promise.all(others.map((id) => dispatch.store.findAttempt(id)));
  const known = new Map<AttemptId, Known>();
  const ofOthers = new Set<AttemptId>();
  others.forEach((id, index) => {
    const nodeId = found[index]?.attempt.nodeId;
    known.set(id, nodeId === session.nodeId ? 'settled' : 'unknown');
    if (nodeId === undefined || nodeId === session.nodeId) return;
    if (dispatch.nodes.endOf(nodeId) === undefined) ofOthers.add(id);
  });
  return { known, ofOthers };
}

async function carryOut(dispatch: Dispatch, session: AgentSession, plan: ReconcilePlan): Promise<void> {
  const foreign = plan.foreign.filter((id) => dispatch.book.get(id) === undefined);
  dispatch.book.setForeign(session.nodeId, foreign);
  dispatch.nodes.setForeign(session.nodeId, foreign);
  if (foreign.length > 0) {
    dispatch.logger.warn(
      { nodeId: session.nodeId, attempts: foreign },
      'the node runs attempts that the store does not know; they are left alone',
    );
  }
  for (const id of plan.endLogs) {
    const attempt = dispatch.book.get(id)?.attempt;
    dispatch.logs.endLog(id, attempt === undefined ? undefined : lengthsOf(attempt.streams));
  }
  for (const lost of plan.lost) {
    const results = await dispatch.store.closeAsLost(
      [lost.attemptId],
      lost.reason,
      lost.message,
      dispatch.clock.nowMs(),
    );
    for (const result of results) applyResult(dispatch, result, undefined);
  }
}

async function positionsOf(
  dispatch: Dispatch,
  ids: readonly AttemptId[],
): Promise<ReadonlyMap<AttemptId, readonly LogPosition[]>> {
  return new Map(await Promise.all(ids.map(async (id) => [id, await dispatch.logs.positions(id)] as const)));
}

function assignmentOf({ attempt, jobId, taskIndex, spec }: UnsettledAttempt): Assignment {
  return {
    attemptId: attempt.id,
    jobId,
    taskIndex,
    attemptNumber: attempt.number,
    spec,
    ...(attempt.stopRequested === undefined ? {} : { stop: attempt.stopRequested }),
  };
}
