/** Judges all nodes and sessions once in a while: one loop for all of them, no timer per node. */
import type { Clock } from '@muster/common/clock/clock';
import type { NodeDirectory } from './node-directory.ts';
import type { SessionRegistry } from './session-registry.ts';

/** What the loop looks at. */
export interface LivenessLoopDeps {
  readonly directory: NodeDirectory;
  readonly registry: SessionRegistry;
  readonly clock: Clock;
  readonly heartbeatPeriodMs: number;
}

/** A tenth of a period: the tolerance that heartbeats have themselves. */
const SWEEPS_PER_PERIOD = 10;
/** Contacts are stored this often, so that they are about right after a restart. */
const STORE_CONTACTS_MS = 60_000;

/** Runs until aborted; rejects with the signal's reason. */
export async function runLivenessLoop(deps: LivenessLoopDeps, signal: AbortSignal): Promise<void> {
  const { directory, registry, clock } = deps;
  let storedMs = clock.monotonicMs();
  for (;;) {
    await clock.sleep(deps.heartbeatPeriodMs / SWEEPS_PER_PERIOD, signal);
    const nowMs = clock.monotonicMs();
    directory.judge(nowMs);
    registry.sweep();
    if (nowMs - storedMs >= STORE_CONTACTS_MS) {
      storedMs = nowMs;
      await directory.storeContacts();
    }
  }
}
