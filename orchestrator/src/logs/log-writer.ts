/**
 * Writes what waits: up to eight logs at a time, each in batches of what came while its last one was being synced. So
 * many small logs share the medium's commits, one large one is written in large pieces, and none blocks another.
 */
import type { Clock } from '@muster/common/clock/clock';
import { errorChain } from '@muster/common/errors/app-error';
import type { Logger } from '@muster/common/logging/logger';
import type { LogPiece, LogStore } from './log-store.ts';
import type { RunLog } from './run-logs.ts';

/** Logs written at a time. Node's thread pool has four threads; twice as many keep it busy between two syncs. */
const WORKERS = 8;
/**
 * One batch: a quarter of a stream's window, so that the sender goes on while it is written, and fewer pieces than one
 * writev takes (IOV_MAX is 1,024).
 */
const BATCH_BYTES = 1024 * 1024;
const BATCH_PIECES = 1_000;
/** A full disk is looked at again each second; it may heal at any time. */
const RETRY_MS = 1_000;

/** What the writer works with. */
export interface LogWriterDeps {
  readonly store: LogStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told after each batch that became durable. */
  readonly onDurable: (log: RunLog, batch: readonly LogPiece[]) => void;
}

/** The writer. */
export class LogWriter {
  readonly #deps: LogWriterDeps;
  readonly #stop = new AbortController();
  readonly #ready: RunLog[] = [];
  readonly #workers = new Set<Promise<void>>();
  /** How often in a row each log could not be stored. */
  readonly #failures = new Map<RunLog, number>();

  constructor(deps: LogWriterDeps) {
    this.#deps = deps;
  }

  /** Something waits in the log. */
  wake(log: RunLog): void {
    if (log.busy || log.pending.length === 0 || this.#stop.signal.aborted) return;
    log.busy = true;
    this.#ready.push(log);
    if (this.#workers.size >= WORKERS) return;
    const worker = this.#work();
    this.#workers.add(worker);
    worker.then(
      () => this.#workers.delete(worker),
      () => this.#workers.delete(worker),
    );
  }

  /** Takes nothing new; returns once what is being written is on the medium. What only waits is dropped: it was never acknowledged. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#workers);
  }

  async #work(): Promise<void> {
    // Other turns of the event loop first: what comes in this one then shares the batch.
    await Promise.resolve();
    for (let log = this.#ready.shift(); log !== undefined; log = this.#ready.shift()) {
      if (await this.#writeBatch(log)) this.#next(log);
      else this.#later(log);
    }
  }

  #next(log: RunLog): void {
    log.busy = false;
    this.wake(log);
  }

  /** A log that can not be stored keeps no worker while it waits: the fault may be its own. */
  #later(log: RunLog): void {
    this.#deps.clock.schedule(RETRY_MS, () => this.#next(log));
  }

  /** False: it could not be stored, and waits again. */
  async #writeBatch(log: RunLog): Promise<boolean> {
    if (this.#stop.signal.aborted) return false;
    const batch = takeBatch(log.pending);
    try {
      log.extent = await this.#deps.store.append(log.key, log.extent, batch);
    } catch (error) {
      log.pending.unshift(...batch);
      this.#report(log, error);
      return false;
    }
    this.#failures.delete(log);
    this.#deps.onDurable(log, batch);
    return true;
  }

  /** The first failure, and then one a minute: a full disk must be seen, and not be filled by its own log. */
  #report(log: RunLog, error: unknown): void {
    const failures = this.#failures.get(log) ?? 0;
    this.#failures.set(log, failures + 1);
    if (failures % 60 !== 0) return;
    this.#deps.logger.error({ ...log.key, reason: errorChain(error) }, 'cannot store output; it waits on its node');
  }
}

/** Takes a batch off the front. */
function takeBatch(pending: LogPiece[]): LogPiece[] {
  let bytes = 0;
  let count = 0;
  for (const piece of pending) {
    bytes += piece.kind === 'data' ? piece.data.byteLength : 0;
    if (count > 0 && (bytes > BATCH_BYTES || count >= BATCH_PIECES)) break;
    count += 1;
  }
  return pending.splice(0, count);
}
