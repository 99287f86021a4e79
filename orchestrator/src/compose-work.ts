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
import type { LogReading } from './jobs/log-reading.ts';
import type { LogPort } from './sessions/session-ports.ts';

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
  readonly intake: LogPort;
  readonly reading: LogReading;
}
