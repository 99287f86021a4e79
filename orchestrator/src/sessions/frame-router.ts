/** What each frame of an established session means: which port gets it and how it is answered. */
import { assertNever } from '@muster/common/assert-never/assert-never';
import { AppError } from '@muster/common/errors/app-error';
import type { ConnectRequest } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { checkFingerprint, parseAttemptStatus, parseChunk, parseGap, parseReply } from '../wire/agent-frames-in.ts';
import { heartbeatAck, unsupported } from '../wire/agent-frames-out.ts';
import { toSafeInteger } from '../wire/scalars.ts';
import type { LiveSession } from './live-session.ts';
import type { SessionDeps } from './session-deps.ts';
import type { IncomingChunk } from './session-ports.ts';

/**
 * Routes a frame. Returns what to wait for before the next frame is read: the intake of output while it is full.
 * @throws AppError that ends the stream
 */
export function routeFrame(deps: SessionDeps, session: LiveSession, frame: ConnectRequest): Promise<void> | undefined {
  const { message } = frame;
  switch (message.case) {
    case 'heartbeat': {
      const revision = toSafeInteger(message.value.appliedRevision, 'heartbeat.applied_revision');
      deps.nodes.heartbeat(session, revision, message.value.usage);
      session.outbox.push(heartbeatAck(frame.sequence, deps.clock.nowMs()));
      return undefined;
    }
    case 'capabilityReport': {
      const { fingerprint } = message.value;
      if (fingerprint === undefined) {
        throw new AppError('invalid_argument', 'must be set', { field: 'capability_report.fingerprint' });
      }
      deps.nodes.fingerprint(session, checkFingerprint(fingerprint, 'capability_report.fingerprint'));
      return undefined;
    }
    case 'assignmentReply': {
      const { attemptId, reply } = parseReply(message.value);
      deps.work.replied(session, attemptId, reply);
      return undefined;
    }
    case 'attemptStatus': {
      const report = parseAttemptStatus(message.value, session.nodeId, deps.clock.nowMs());
      return session.reports.add(report.attemptId, () => settle(session, deps.work.reported(session, report)));
    }
    case 'logChunk':
      return takeChunk(deps, session, parseChunk(message.value, deps.clock.nowMs()));
    case 'logGap': {
      const gap = parseGap(message.value);
      session.windows.gap(gap, gap.offsetBytes, gap.lengthBytes);
      return settle(session, deps.logs.gap(session, gap));
    }
    case 'hello':
      throw new AppError('failed_precondition', 'hello is said once, as the first frame');
    case 'unsupported':
      deps.logger.warn({ nodeId: session.nodeId, sequence: message.value.sequence }, 'the agent did not know a frame');
      return undefined;
    case undefined:
      session.outbox.push(unsupported(frame.sequence));
      return undefined;
    case 'goodbye':
      throw new AppError('internal', 'goodbye was not handled by the session');
    default:
      return assertNever(message);
  }
}

function takeChunk(deps: SessionDeps, session: LiveSession, chunk: IncomingChunk): Promise<void> {
  const verdict = session.windows.received(chunk, chunk.offsetBytes, chunk.data.byteLength);
  if (verdict !== 'within') {
    const { nodeWindowBytes, streamWindowBytes } = deps.settings.log;
    const text =
      verdict === 'over_stream'
        ? `more than ${streamWindowBytes} unacknowledged bytes of ${chunk.attemptId} ${chunk.stream}`
        : `more than ${nodeWindowBytes} unacknowledged bytes of this node`;
    throw new AppError('resource_exhausted', `${text}: wait for log_ack`);
  }
  return settle(session, deps.logs.chunk(session, chunk));
}

/** Ends the session when the work says so or fails. Never rejects. */
async function settle(session: LiveSession, work: Promise<'taken' | 'unknown'>): Promise<void> {
  try {
    // One text for another node's attempt and for none, so that nothing can be learned by asking.
    if ((await work) === 'unknown') {
      session.fail(new AppError('permission_denied', 'the attempt is none of this node'));
    }
  } catch (error) {
    session.fail(AppError.from(error, 'cannot store what the node reported'));
  }
}
