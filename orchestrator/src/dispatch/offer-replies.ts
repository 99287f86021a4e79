// What a node's answer to an offer leads to. Accepted: the permission to start is committed, then sent. The commit decides against a cancel
// or a timeout that came first; until it, the task provably never started.
import type { AttemptId } from '@muster/common/ids/ids';
import type { NotRunReason } from '../domain/job.ts';
import type { AgentSession, OfferReply } from '../sessions/session-ports.ts';
import type { Dispatch } from './dispatch-state.ts';
import type { Offer } from './offers.ts';

/** Refusals that may be over in a moment; all others hold until the node's next session. */
const passing: ReadonlySet<NotRunReason> = new Set(['no_disk', 'withdrawn', 'never_started']);
/** How long a node is not asked again for a task after what may be over in a moment. */
const ASK_AGAIN_MS = 5_000;

/** Takes an answer. One that is not expected (withdrawn meanwhile, or of an older session) changes nothing. */
export function takeReply(dispatch: Dispatch, session: AgentSession, attemptId: AttemptId, reply: OfferReply): void {
  const offer = dispatch.offers.get(attemptId);
  if (offer === undefined || offer.session !== session || offer.allowing !== undefined) return;
  if (reply.kind === 'accepted') {
    const allowing = allow(dispatch, offer);
    dispatch.offers.set({ ...offer, allowing });
    dispatch.background('allow a start', allowing);
    return;
  }
  dispatch.offers.remove(attemptId);
  const { reason, message } = reply.outcome;
  if (offer.task.pinnedTo !== undefined && !passing.has(reason)) {
    dispatch.background('fail a refused task', failTask(dispatch, offer, message));
    return;
  }
  if (passing.has(reason)) waitAWhile(dispatch, offer, message);
  else waitElsewhere(dispatch, offer, message);
}

/** Lets a task wait, with this node asked again only in its next session. */
function waitElsewhere(dispatch: Dispatch, { task, session }: Offer, message: string): void {
  dispatch.queue.add({ ...task, avoid: new Map(task.avoid).set(session.nodeId, message) });
  dispatch.wakeup.notify();
}

/** Lets a task wait, with this node asked again after a pause. */
function waitAWhile(dispatch: Dispatch, offer: Offer, message: string): void {
  waitElsewhere(dispatch, offer, message);
  dispatch.clock.schedule(ASK_AGAIN_MS, () => askAgain(dispatch, offer));
}

/** Takes an offer back and lets its task wait again. */
export function takeBack(dispatch: Dispatch, offer: Offer): void {
  if (dispatch.offers.remove(offer.attemptId) === undefined) return;
  offer.session.assign({ kind: 'withdraw', attemptId: offer.attemptId });
  dispatch.queue.add(offer.task);
  dispatch.wakeup.notify();
}

async function allow(dispatch: Dispatch, offer: Offer): Promise<void> {
  const { attemptId, session, task } = offer;
  try {
    const result = await dispatch.store.allowStart({
      jobId: task.jobId,
      taskIndex: task.taskIndex,
      attemptId,
      nodeId: session.nodeId,
      ledgerId: session.ledgerId,
      bootId: session.bootId,
      atMs: dispatch.clock.nowMs(),
    });
    dispatch.offers.remove(attemptId);
    if (result.kind === 'not_queued') {
      session.assign({ kind: 'withdraw', attemptId });
      return;
    }
    dispatch.book.enter({ jobId: task.jobId, taskIndex: task.taskIndex, spec: task.spec, attempt: result.attempt });
    // If the session has ended meanwhile, the next one names the attempt in its COMPLETE set.
    session.assign({ kind: 'start', attemptId });
    dispatch.feed.notify(task.jobId);
  } catch (thrown) {
    if (dispatch.offers.remove(attemptId) === undefined) throw thrown;
    // Nothing was committed, so nothing may start: the task waits again, and not in a storm of offers while the disk is full.
    session.assign({ kind: 'withdraw', attemptId });
    waitAWhile(dispatch, offer, 'the permission to start could not be stored');
    throw thrown;
  }
}

async function failTask(dispatch: Dispatch, offer: Offer, message: string): Promise<void> {
  const { jobId, taskIndex } = offer.task;
  try {
    await dispatch.store.failQueuedTask(jobId, taskIndex, message, dispatch.clock.nowMs());
  } catch (thrown) {
    // Nothing was stored, so it waits on; the node will refuse it again.
    waitAWhile(dispatch, offer, message);
    throw thrown;
  }
  dispatch.feed.notify(jobId);
}

function askAgain(dispatch: Dispatch, offer: Offer): void {
  const waiting = dispatch.queue.get(offer.task.jobId, offer.task.taskIndex);
  if (waiting === undefined) return;
  const avoid = new Map(waiting.avoid);
  avoid.delete(offer.session.nodeId);
  dispatch.queue.add({ ...waiting, avoid });
  dispatch.wakeup.notify();
}
