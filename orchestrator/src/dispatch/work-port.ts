// Dispatch as sessions see it.
import type { AgentSession, WorkPort } from '../sessions/session-ports.ts';
import type { Dispatch } from './dispatch-state.ts';
import { takeReply } from './offer-replies.ts';
import { dropOffers, openSession, type PreparedSession, tellChanges } from './open-session.ts';
import { takeStatus } from './status-intake.ts';

/** Joins the functions of this folder. */
export function makeWorkPort(dispatch: Dispatch): WorkPort {
  const opening = new WeakMap<AgentSession, PreparedSession>();
  return {
    async opened(session, hello) {
      const prepared = await openSession(dispatch, session, hello);
      opening.set(session, prepared);
      return prepared;
    },
    established(session) {
      const prepared = opening.get(session);
      opening.delete(session);
      if (session.ended) return;
      dispatch.sessions.set(session.nodeId, session);
      if (prepared !== undefined) tellChanges(dispatch, session, prepared);
      dispatch.queue.forgetRefusals(session.nodeId);
      dispatch.wakeup.notify();
    },
    replied: (session, attemptId, reply) => takeReply(dispatch, session, attemptId, reply),
    reported: (session, report) => takeStatus(dispatch, session, report),
    closed(session) {
      if (dispatch.sessions.get(session.nodeId) === session) dispatch.sessions.delete(session.nodeId);
      dropOffers(dispatch, undefined, session);
    },
  };
}
