// Dispatch as sessions see it.
import type { WorkPort } from '../sessions/session-ports.ts';
import type { Dispatch } from './dispatch-state.ts';
import { takeReply } from './offer-replies.ts';
import { dropOffers, openSession } from './open-session.ts';
import { takeStatus } from './status-intake.ts';

/** Joins the functions of this folder. */
export function makeWorkPort(dispatch: Dispatch): WorkPort {
  return {
    opened: (session, hello) => openSession(dispatch, session, hello),
    established(session) {
      if (session.ended) return;
      dispatch.sessions.set(session.nodeId, session);
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
