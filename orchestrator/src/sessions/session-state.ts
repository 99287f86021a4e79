/**
 * Where a session stands, from its hello on (before it there is a stream and no session, see serve-agent.ts).
 *
 *   hello --> opening --welcome--> established --goodbye (either side)--> draining
 *                |                      |                                    |
 *                +----------------------+-- the stream is over, or we abort --+--> closed
 *
 * opening: the node's facts and attempts are looked up; the agent sends nothing (P2) but perhaps goodbye.
 * established: everything flows.
 * draining: the session counts no more and its offers died. What is held is sent, then the stream is closed.
 */

/** The session's state. */
export type SessionState =
  | { readonly kind: 'opening' }
  | { readonly kind: 'established' }
  | { readonly kind: 'draining'; readonly by: 'agent' | 'us'; readonly sinceMs: number }
  | { readonly kind: 'closed' };
