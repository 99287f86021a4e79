/** Makes the ledger survive power loss, within a second of each write and in groups: never on the way to a start. */
import type { Clock } from '@muster/common/clock/clock';
import { errorChain } from '@muster/common/errors/app-error';
import type { Logger } from '@muster/common/logging/logger';
import type { Ledger } from './ledger.ts';

/** A result that is acknowledged and forgotten within this time is never synced: the orchestrator has it durably. */
const SYNC_AFTER_MS = 1_000;

/** What the loop needs. */
export interface LedgerSyncDeps {
  readonly ledger: Pick<Ledger, 'unsynced' | 'sync'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Syncs until aborted, and once more then. A failed sync is logged and tried again after the next write. */
export async function runLedgerSyncLoop(deps: LedgerSyncDeps, signal: AbortSignal): Promise<void> {
  const { ledger, clock } = deps;
  try {
    for (;;) {
      await ledger.unsynced(signal);
      await clock.sleep(SYNC_AFTER_MS, signal);
      await syncOnce(deps);
    }
  } finally {
    await syncOnce(deps);
  }
}

async function syncOnce({ ledger, logger }: LedgerSyncDeps): Promise<void> {
  try {
    await ledger.sync();
  } catch (error) {
    logger.error({ reason: errorChain(error) }, 'the ledger could not be synced; a power loss now may lose results');
  }
}
