// What a node reports about its attempts: stored, acknowledged when durable, and what follows from an end.
import type { AttemptId } from '@muster/common/ids/ids';
import type { StreamTally } from '../domain/job.ts';
import type { StatusReport, StatusResult } from '../jobs/job-store.ts';
import type { AgentSession } from '../sessions/session-ports.ts';
import { isActive } from './attempt-book.ts';
import type { Dispatch } from './dispatch-state.ts';
import { waitingTask } from './enqueue.ts';

/** Takes a status. 'unknown': the node may not speak about this attempt. */
export async function takeStatus(
  dispatch: Dispatch,
  session: AgentSession,
  report: StatusReport,
): Promise<'taken' | 'unknown'> {
  if (dispatch.book.isForeign(report.attemptId)) {
    if (dispatch.book.ownerOf(report.attemptId) !== session.nodeId) return 'unknown';
    session.ackStatus(report.attemptId, report.state.kind);
    return 'taken';
  }
  const result = await dispatch.store.recordStatus(report);
  if (result.kind === 'unknown') return 'unknown';
  session.ackStatus(report.attemptId, report.state.kind);
  applyResult(dispatch, result, report.streamLengths);
  return 'taken';
}

/** Lets memory follow what the store has decided about an attempt. */
export function applyResult(
  dispatch: Dispatch,
  result: StatusResult,
  lengths: StatusReport['streamLengths'] | undefined,
): void {
  if (result.kind !== 'moved') return;
  const { attempt, job, task } = result;
  dispatch.book.update(attempt);
  dispatch.feed.notify(job.id);
  if (isActive(attempt)) return;
  if (result.requeued) dispatch.queue.add(waitingTask(job, task));
  if (lengths === undefined) dispatch.logs.endLog(attempt.id, undefined);
  else dispatch.logs.lengthsKnown(attempt.id, lengths);
  dispatch.wakeup.notify();
}

/** The lengths of an attempt's streams, as far as they are known. */
export function lengthsOf(streams: readonly StreamTally[]): StatusReport['streamLengths'] {
  return streams.flatMap(({ run, stream, producedBytes }) =>
    producedBytes === undefined ? [] : [{ run, stream, lengthBytes: producedBytes }],
  );
}

/** How long until the end of a log is stored again that could not be: a full disk may heal at any time. */
const SETTLE_AGAIN_MS = 10_000;

/** A log is settled: that is stored, and then the node may forget the attempt. Where it can not be stored it is tried again by itself. */
export async function settleLog(
  dispatch: Dispatch,
  attemptId: AttemptId,
  tallies: readonly StreamTally[],
): Promise<void> {
  const result = await dispatch.store.completeLog(attemptId, tallies).catch((thrown: unknown) => {
    // The logs say it once, and the node has said all it has to: nobody else would come back to it.
    dispatch.clock.schedule(SETTLE_AGAIN_MS, () =>
      dispatch.background('settle a log', settleLog(dispatch, attemptId, tallies)),
    );
    throw thrown;
  });
  if (result.kind === 'unknown') return;
  dispatch.book.settle(attemptId);
  dispatch.sessions.get(result.attempt.nodeId)?.forget([attemptId]);
  dispatch.feed.notify(result.job.id);
}
