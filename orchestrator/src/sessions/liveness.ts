/**
 * Whether a node is in contact, judged by when we received something from it, on our monotonic clock. Pure and total.
 *
 *            3 periods of silence, or goodbye(SHUTDOWN)   10 minutes more
 *        online ------------------------> unreachable ---------> down
 *          ^                                   |                  |
 *          +------------- any frame -----------+------------------+
 *
 * down is only shown: nothing else follows from it. A start of the orchestrator gives every node that was ever connected
 * doubled deadlines, counted from the start (P12): it was we who were away.
 */

/** The periods that count. */
export interface LivenessSettings {
  readonly heartbeatPeriodMs: number;
}

/** Whether a node is in contact, and until when that holds without a frame. */
export type Liveness =
  | { readonly kind: 'online'; readonly untilMs: number }
  | { readonly kind: 'unreachable'; readonly untilMs: number }
  | { readonly kind: 'down' };

export type LivenessEvent =
  | { readonly kind: 'heard'; readonly atMs: number }
  /** The agent said that it ends: there is nothing to wait for. */
  | { readonly kind: 'left'; readonly atMs: number }
  | { readonly kind: 'tick'; readonly atMs: number };

/** Heartbeats that may be missed: one is a lost packet, two a bad moment. */
const MISSED_HEARTBEATS = 3;
/** Unreachable for this long is worth another word to people. */
export const DOWN_AFTER_MS = 600_000;
const AT_START = 2;

/** Where a node stands when the orchestrator starts. One that never connected is out of contact from the first. */
export function livenessAtStart(everConnected: boolean, startMs: number, settings: LivenessSettings): Liveness {
  return everConnected
    ? { kind: 'online', untilMs: startMs + AT_START * MISSED_HEARTBEATS * settings.heartbeatPeriodMs }
    : { kind: 'unreachable', untilMs: startMs + AT_START * DOWN_AFTER_MS };
}

/** Where a node stands after an event; the same object where nothing changed. */
export function nextLiveness(state: Liveness, event: LivenessEvent, settings: LivenessSettings): Liveness {
  if (event.kind === 'heard') {
    return { kind: 'online', untilMs: event.atMs + MISSED_HEARTBEATS * settings.heartbeatPeriodMs };
  }
  switch (state.kind) {
    case 'online':
      if (event.kind === 'left') return { kind: 'unreachable', untilMs: event.atMs + DOWN_AFTER_MS };
      if (event.atMs < state.untilMs) return state;
      return nextLiveness({ kind: 'unreachable', untilMs: state.untilMs + DOWN_AFTER_MS }, event, settings);
    case 'unreachable':
      return event.kind === 'left' || event.atMs < state.untilMs ? state : { kind: 'down' };
    case 'down':
      return state;
  }
}
