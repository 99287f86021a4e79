/** One frame of the orchestrator to the one that handles it. Exhaustive; no handler waits. */
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { ConnectResponse } from '@muster/gen/muster/agent/v1/agent_service_pb';
import type { Assignments, Forget, StatusAck } from '@muster/gen/muster/agent/v1/assignment_pb';
import type { Drain, Goodbye, HeartbeatAck, LogAck, Settings, Welcome } from '@muster/gen/muster/agent/v1/session_pb';

/** Who handles what. */
export interface FrameHandlers {
  /** The only one that may be waited for: it comes once, before anything else. */
  welcome(welcome: Welcome): Promise<void>;
  heartbeatAck(ack: HeartbeatAck): void;
  assignments(assignments: Assignments): void;
  statusAck(ack: StatusAck): void;
  forget(forget: Forget): void;
  logAck(ack: LogAck): void;
  drain(drain: Drain): void;
  settings(settings: Settings): void;
  goodbye(goodbye: Goodbye): void;
  /** The orchestrator did not understand our frame of this sequence. */
  unsupported(sequence: bigint): void;
  /** We do not understand the frame of this sequence. */
  unknown(sequence: bigint): void;
}

/** Calls the frame's handler; a promise only for welcome. */
export function routeFrame(frame: ConnectResponse, handlers: FrameHandlers): Promise<void> | undefined {
  const { message } = frame;
  switch (message.case) {
    case 'welcome':
      return handlers.welcome(message.value);
    case 'heartbeatAck':
      handlers.heartbeatAck(message.value);
      return undefined;
    case 'assignments':
      handlers.assignments(message.value);
      return undefined;
    case 'statusAck':
      handlers.statusAck(message.value);
      return undefined;
    case 'forget':
      handlers.forget(message.value);
      return undefined;
    case 'logAck':
      handlers.logAck(message.value);
      return undefined;
    case 'drain':
      handlers.drain(message.value);
      return undefined;
    case 'settings':
      handlers.settings(message.value);
      return undefined;
    case 'goodbye':
      handlers.goodbye(message.value);
      return undefined;
    case 'unsupported':
      handlers.unsupported(message.value.sequence);
      return undefined;
    case undefined:
      handlers.unknown(frame.sequence);
      return undefined;
    default:
      return assertNever(message);
  }
}
