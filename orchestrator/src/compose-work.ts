// Dispatch and logs, which know each other by ports alone: dispatch tells the logs what a run produced, the logs tell dispatch when all of
// it is settled.
import { join } from 'node:path';
import type { Clock } from '@muster/common/clock/clock';
import type { Disk } from '@muster/common/disk/disk';
import { errorChain } from '@muster/common/errors/app-error';
import type { Ids } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import { Wakeup } from '@muster/common/queue/signal-flag';
import { AttemptBook } from './dispatch/attempt-book.ts';
import type { Dispatch, NodeFactsPort } from './dispatch/dispatch-state.ts';
import { loadWork } from './dispatch/load-work.ts';
import { Offers } from './dispatch/offers.ts';
import { settleLog } from './dispatch/status-intake.ts';
import { WaitingQueue } from './dispatch/waiting-queue.ts';
import { JobFeed } from './jobs/job-feed.ts';
import type { JobStore } from './jobs/job-store.ts';
import { FileLogStore } from './logs/file-log-store.ts';
import { LogIntake } from './logs/log-intake.ts';
import type { LogReaderDeps } from './logs/log-reader.ts';

/** What they are made of. */
export interface WorkParts {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly ids: Ids;
  readonly jobs: JobStore;
  readonly directory: NodeFactsPort;
  readonly dataDirectory: string;
}

/** Work, ready for the doors. */
export interface ComposedWork {
  readonly dispatch: Dispatch;
  readonly intake: LogIntake;
  readonly reading: LogReaderDeps;
}

/** Builds them and loads what the store has not finished. */
export async function composeWork(parts: WorkParts, stack: AsyncDisposableStack): Promise<ComposedWork> {
  const { clock, ids, logger, disk } = parts;
  const background = (what: string, work: Promise<unknown>): void => {
    work.catch((error: unknown) => logger.error({ what, reason: errorChain(error) }, 'a piece of work failed'));
  };
  const book = new AttemptBook();
  const logStore = stack.use(new FileLogStore(disk, join(parts.dataDirectory, 'logs')));
  const intake = stack.use(
    new LogIntake({
      store: logStore,
      owners: book,
      onSettled: (attemptId, tallies) => background('settle a log', settleLog(dispatch, attemptId, tallies)),
      clock,
      logger,
    }),
  );
  const dispatch: Dispatch = {
    queue: new WaitingQueue(),
    offers: new Offers(),
    book,
    sessions: new Map(),
    unresponsive: new Map(),
    lastUsed: new Map(),
    wakeup: new Wakeup(),
    store: parts.jobs,
    nodes: parts.directory,
    logs: intake,
    feed: new JobFeed(),
    clock,
    ids,
    logger,
    background,
  };
  await loadWork(dispatch);
  return { dispatch, intake, reading: { store: logStore, logs: intake.logs } };
}
