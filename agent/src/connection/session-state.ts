/**
 * Where a session stands, and which frames may come there. Pure.
 *
 *   connecting -> awaiting_welcome -> awaiting_complete -> established
 *        \________________\___________________\______________\-> closing
 *
 * connecting: hello is not yet sent. closing: the end is decided; what still comes is read and dropped.
 */
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { ConnectResponse } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { type AssignmentSet, noAssignments } from '../assignments/assignment-set.ts';
import type { SessionEnd } from './session-end.ts';

/** The states. */
export type SessionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'awaiting_welcome' }
  | { readonly kind: 'awaiting_complete'; readonly sessionId: string }
  | { readonly kind: 'established'; readonly sessionId: string; readonly set: AssignmentSet }
  | { readonly kind: 'closing'; readonly end: SessionEnd };

/** What is to be done with a frame. */
export type Admission =
  | { readonly kind: 'route' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'violation'; readonly message: string };

/** What the orchestrator's frames say, by name. */
export type InboundCase = ConnectResponse['message']['case'];

/** Whether a frame may come now. */
export function admit(state: SessionState, inbound: InboundCase): Admission {
  switch (state.kind) {
    case 'connecting':
    case 'awaiting_welcome':
      if (inbound === 'welcome' || inbound === 'goodbye') return { kind: 'route' };
      return { kind: 'violation', message: `the first frame was ${inbound ?? 'unknown'}, not welcome` };
    case 'awaiting_complete':
    case 'established':
      if (inbound === 'welcome') return { kind: 'violation', message: 'a second welcome came' };
      return { kind: 'route' };
    case 'closing':
      return { kind: 'drop' };
    default:
      return assertNever(state);
  }
}

/** The assignments of a session so far. */
export function setOf(state: SessionState): AssignmentSet {
  return state.kind === 'established' ? state.set : noAssignments;
}
