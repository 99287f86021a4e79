/**
 * Keeps this node connected: wait, dial, session, reason it ended, next wait. All addresses in turn. The wait grows with
 * each failure and begins anew after the first heartbeat_ack of a session (P5): a server that accepts and then fails
 * must not be hammered.
 */
import type { Backoff } from '@muster/common/backoff/backoff';
import type { Clock } from '@muster/common/clock/clock';
import type { Logger } from '@muster/common/logging/logger';
import type { Connection, Dial } from './dial.ts';
import { describeEnd, retryAfterMs, type SessionEnd } from './session-end.ts';

/** What the loop needs. */
export interface ConnectionLoopDeps {
  readonly dial: Dial;
  /** host:port, in order of preference; at least one. */
  readonly addresses: readonly string[];
  readonly backoff: Backoff;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs one session to its end; never rejects for what the other side did. `healthy` is called at the first ack. */
  readonly runSession: (connection: Connection, healthy: () => void, signal: AbortSignal) => Promise<SessionEnd>;
}

/** Runs until aborted; the last session then says goodbye before this returns. */
export async function runConnectionLoop(deps: ConnectionLoopDeps, signal: AbortSignal): Promise<void> {
  const { addresses, backoff, clock, logger } = deps;
  for (let turn = 0; !signal.aborted; turn += 1) {
    const address = addresses[turn % addresses.length] ?? '';
    const end = await oneSession(deps, address, signal);
    if (end.kind === 'stopped' || signal.aborted) return;
    const waitMs = retryAfterMs(end) ?? backoff.next();
    logger.warn({ address, reason: describeEnd(end), retry_ms: Math.round(waitMs) }, 'not connected');
    await clock.sleep(waitMs, signal);
  }
}

async function oneSession(deps: ConnectionLoopDeps, address: string, signal: AbortSignal): Promise<SessionEnd> {
  using connection = deps.dial(address);
  const healthy = (): void => {
    deps.backoff.reset();
    deps.logger.info({ address }, 'connected');
  };
  return await deps.runSession(connection, healthy, signal);
}
