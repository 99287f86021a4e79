/**
 * Notices that output files have grown: one inotify watch for the directory of all runs, so a run that prints nothing
 * costs nothing. A notice is only a hint; the shipper looks at the file itself.
 */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@muster/common/clock/clock';
import { errorChain } from '@muster/common/errors/app-error';
import type { Logger } from '@muster/common/logging/logger';
import type { RunOutputs } from './run-outputs.ts';

/** Where watching is not possible, every stream is looked at this often; elsewhere it is the net under missed notices. */
const LOOK_ANYWAY_MS = 5_000;
const LOOK_WITHOUT_WATCH_MS = 250;

/** What the loop needs. */
export interface OutputWatchDeps {
  readonly directory: string;
  readonly outputs: RunOutputs;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Watches until aborted. */
export async function runOutputWatchLoop(deps: OutputWatchDeps, signal: AbortSignal): Promise<void> {
  const watcher = openWatcher(deps);
  try {
    for (;;) {
      await deps.clock.sleep(watcher === undefined ? LOOK_WITHOUT_WATCH_MS : LOOK_ANYWAY_MS, signal);
      deps.outputs.touchedAll();
    }
  } finally {
    watcher?.close();
  }
}

function openWatcher({ directory, outputs, logger }: OutputWatchDeps): FSWatcher | undefined {
  const complain = (error: unknown): void => {
    logger.warn({ directory, reason: errorChain(error) }, 'cannot watch for output; looking for it instead');
  };
  try {
    const watcher = watch(directory, (_event, name) => {
      if (name !== null) outputs.touched(join(directory, name));
    });
    watcher.on('error', complain);
    return watcher;
  } catch (error) {
    complain(error);
    return undefined;
  }
}
