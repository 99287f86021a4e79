/** Probes the node again from time to time, so that a new interpreter, disk or GPU becomes known without a restart. */
import type { Clock } from '@muster/common/clock/clock';
import { errorChain } from '@muster/common/errors/app-error';
import type { Logger } from '@muster/common/logging/logger';
import type { Latest } from '@muster/common/queue/latest';
import type { Fingerprint } from '@muster/gen/muster/node/v1/fingerprint_pb';

/** Probing starts programs and takes a second of CPU: 0.2 % at this rate. */
const PROBE_EVERY_MS = 10 * 60_000;

/** Finds out about the node. Abort ends the probes. */
export type CollectFingerprint = (signal: AbortSignal) => Promise<Fingerprint>;

/** Probes until aborted; what a probe run does wrong is logged, and the last result stays. */
export async function runFingerprintLoop(
  deps: {
    readonly collect: CollectFingerprint;
    readonly latest: Latest<Fingerprint>;
    readonly clock: Clock;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await deps.clock.sleep(PROBE_EVERY_MS, signal);
    try {
      deps.latest.set(await deps.collect(signal));
    } catch (error) {
      signal.throwIfAborted();
      deps.logger.warn({ reason: errorChain(error) }, 'the node could not be probed again');
    }
  }
}
