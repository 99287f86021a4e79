/** The logs that are being written or read, each once in memory; what is idle is forgotten and read again when needed. */
import type { NodeId } from '@muster/common/ids/ids';
import { Waiters } from '@muster/common/queue/waiters';
import type { OutputStreamName } from '../domain/job.ts';
import type { AgentSession } from '../sessions/session-ports.ts';
import { type LogPiece, type LogStore, nextOffsetOf, type RunExtent, type RunKey } from './log-store.ts';

/** What is known of a log's end. */
export interface LogFinal {
  /** True: all that was produced is stored, or accounted for as missing. */
  readonly complete: boolean;
  /** Why it is not complete, in a sentence. */
  readonly message?: string;
  /** Bytes that each stream produced, where the node has named them. */
  readonly produced: { readonly stdout?: number; readonly stderr?: number };
}

/** One run's log while somebody works with it. */
export class RunLog {
  readonly key: RunKey;
  /** Those who wait for more; told after each change of `extent` and `final`. */
  readonly changed = new Waiters<void>();
  /** What is durable. */
  extent: RunExtent;
  /** Where each stream goes on, counting what waits to be written. */
  readonly next: Record<OutputStreamName, number>;
  /** Waits to be written, in the order of arrival. */
  pending: LogPiece[] = [];
  /** Streams of which bytes were dropped for want of room; the node is told where to go on once there is some. */
  readonly dropped = new Set<OutputStreamName>();
  /** Whether a worker has it, or will. */
  busy = false;
  /** The node that writes it. */
  owner: NodeId | undefined;
  /** Who is told what is durable. */
  session: AgentSession | undefined;
  /** Set: nothing more comes. */
  final: LogFinal | undefined;
  users = 0;

  constructor(key: RunKey, extent: RunExtent) {
    this.key = key;
    this.extent = extent;
    this.next = { stdout: nextOffsetOf(extent.stdout), stderr: nextOffsetOf(extent.stderr) };
  }

  /** All that was kept is durable. */
  get flushed(): boolean {
    const { stdout, stderr } = this.extent;
    return nextOffsetOf(stdout) === this.next.stdout && nextOffsetOf(stderr) === this.next.stderr;
  }

  /** Nobody works with it. */
  get idle(): boolean {
    return this.users === 0 && !this.busy && this.pending.length === 0 && this.dropped.size === 0;
  }
}

/** Keeps a log in memory until it is given back. */
export interface RunLease extends Disposable {
  readonly log: RunLog;
}

const NO_OUTPUT: RunExtent = {
  stdout: { storedBytes: 0, missingBytes: 0 },
  stderr: { storedBytes: 0, missingBytes: 0 },
  records: 0,
};

/** Idle logs that stay in memory: runs that print now and then. About two kilobytes each. */
const MOST_IDLE = 512;

/** The table. */
export class RunLogs {
  readonly #store: LogStore;
  /** In the order of last use. */
  readonly #logs = new Map<string, RunLog>();
  readonly #loading = new Map<string, Promise<RunLog>>();

  constructor(store: LogStore) {
    this.#store = store;
  }

  /** The log, if it is in memory. */
  peek(key: RunKey): RunLog | undefined {
    return this.#logs.get(nameOf(key));
  }

  /** The logs of an attempt that are in memory. */
  *ofAttempt(attemptId: string): Generator<RunLog, void, void> {
    for (const log of this.#logs.values()) if (log.key.attemptId === attemptId) yield log;
  }

  /** The log, read from the store where it is not in memory. */
  async lease(key: RunKey): Promise<RunLease> {
    const loaded = this.#touch(key) ?? (await this.#load(key));
    // It may have been forgotten since it was read, as idle as it was; two of one log would overwrite each other.
    const log = this.peek(key) ?? this.#enter(loaded);
    log.users += 1;
    return {
      log,
      [Symbol.dispose]: () => {
        log.users -= 1;
      },
    };
  }

  /** The same for a run that printed nothing, without asking the store. */
  leaseEmpty(key: RunKey): RunLease {
    const log = this.#touch(key) ?? this.#enter(new RunLog(key, NO_OUTPUT));
    log.users += 1;
    return {
      log,
      [Symbol.dispose]: () => {
        log.users -= 1;
      },
    };
  }

  #touch(key: RunKey): RunLog | undefined {
    const name = nameOf(key);
    const log = this.#logs.get(name);
    if (log === undefined) return undefined;
    this.#logs.delete(name);
    this.#logs.set(name, log);
    return log;
  }

  #load(key: RunKey): Promise<RunLog> {
    const name = nameOf(key);
    const loading = this.#loading.get(name);
    if (loading !== undefined) return loading;
    const fresh = this.#read(key, name).finally(() => this.#loading.delete(name));
    this.#loading.set(name, fresh);
    return fresh;
  }

  async #read(key: RunKey, name: string): Promise<RunLog> {
    const extent = await this.#store.recover(key);
    // Somebody may have entered it as empty meanwhile.
    return this.#logs.get(name) ?? this.#enter(new RunLog(key, extent));
  }

  #enter(log: RunLog): RunLog {
    // The new one is not worked with yet, and must not go at once.
    this.#forgetIdle();
    this.#logs.set(nameOf(log.key), log);
    return log;
  }

  #forgetIdle(): void {
    if (this.#logs.size < MOST_IDLE) return;
    for (const [name, log] of this.#logs) {
      if (this.#logs.size < MOST_IDLE) return;
      if (log.idle) this.#logs.delete(name);
    }
  }
}

function nameOf(key: RunKey): string {
  return `${key.attemptId}/${key.run}`;
}
