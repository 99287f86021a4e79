/** What every session works with. */
import type { Clock } from '@muster/common/clock/clock';
import type { Ids } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import type { LogWindowSettings } from '../wire/agent-frames-out.ts';
import type { LogPort, NodePort, WorkPort } from './session-ports.ts';
import type { SessionRegistry } from './session-registry.ts';

/** What welcome tells every agent. */
export interface SessionSettings {
  /** How often agents send heartbeats. Three missed ones make a node unreachable. */
  readonly heartbeatPeriodMs: number;
  /** How agents send output. */
  readonly log: LogWindowSettings;
}

/** The collaborators of a session. */
export interface SessionDeps {
  readonly nodes: NodePort;
  readonly work: WorkPort;
  readonly logs: LogPort;
  readonly registry: SessionRegistry;
  readonly settings: SessionSettings;
  /** Grows with each start of the orchestrator on its store. */
  readonly storeEpoch: number;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
}
