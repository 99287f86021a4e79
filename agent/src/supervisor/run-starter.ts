/**
 * Hands starts to the zygote and waits for the notice that they happened. A zygote that dies is replaced and the
 * waiting starts are sent again: the claim lets only one of them through.
 */
import type { Clock } from '@muster/common/clock/clock';
import { AppError, errorChain } from '@muster/common/errors/app-error';
import type { Logger } from '@muster/common/logging/logger';
import type { Notice } from './notice-pipe.ts';
import { type ProcStat, parseStat } from './proc-files.ts';
import type { Zygote } from './zygote.ts';

/** What became of a start, as far as notices tell. `resent` says that an own earlier try may hold the claim. */
export type StartNotice =
  | { readonly kind: 'started'; readonly job: ProcStat }
  /** Look at the file: it ended at once, or the claim was there, or nothing was heard. */
  | { readonly kind: 'unclear'; readonly denied: boolean; readonly resent: boolean };

/** What starting needs. */
export interface RunStarterDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly startZygote: () => Promise<Zygote>;
}

/** A fork and a claim take about a millisecond; after this the zygote is stuck or its notices are lost. */
const PATIENCE_MS = 10_000;
/** A start that five zygotes died over is probably what kills them. */
const MOST_SENDS = 5;
/** Bound of starts that wait; more are refused. Each holds its command line, so this bounds memory. */
const MOST_WAITING = 1_024;

interface Waiting {
  readonly line: string;
  sends: number;
  readonly settle: (notice: StartNotice) => void;
}

/** Owns the zygote. */
export class RunStarter implements AsyncDisposable {
  readonly #deps: RunStarterDeps;
  readonly #waiting = new Map<string, Waiting>();
  readonly #endings = new Set<Promise<void>>();
  #zygote: Promise<Zygote> | undefined;
  #closed = false;

  constructor(deps: RunStarterDeps) {
    this.#deps = deps;
  }

  /** Whether a start of this run waits here. */
  has(id: string): boolean {
    return this.#waiting.has(id);
  }

  /** Starts the zygote if none lives, so that the first start need not wait for it. */
  async warm(): Promise<Zygote> {
    this.#zygote ??= this.#open();
    try {
      return await this.#zygote;
    } catch (error) {
      this.#zygote = undefined;
      throw error;
    }
  }

  /** Sends a start. Throws `resource_exhausted` when too many wait; abort rejects and does not undo. */
  async start(id: string, line: string, signal: AbortSignal): Promise<StartNotice> {
    signal.throwIfAborted();
    if (this.#waiting.size >= MOST_WAITING) {
      throw new AppError('resource_exhausted', `${MOST_WAITING} starts wait already; try again`, {
        retryAfterMs: 1_000,
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<StartNotice>();
    const waiting: Waiting = { line, sends: 0, settle: resolve };
    const onAbort = (): void => reject(signal.reason);
    this.#waiting.set(id, waiting);
    signal.addEventListener('abort', onAbort, { once: true });
    using _patience = this.#deps.clock.schedule(PATIENCE_MS, () => resolve(unclear(waiting, false)));
    try {
      await this.#send(waiting);
      return await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(id);
    }
  }

  /** Takes a notice; those about runs that wait for no start are ignored. */
  onNotice(notice: Notice): void {
    const waiting = this.#waiting.get(notice.id);
    if (waiting === undefined) return;
    const job = notice.kind === 'started' ? parseStat(notice.rest) : undefined;
    waiting.settle(job === undefined ? unclear(waiting, notice.kind === 'denied') : { kind: 'started', job });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#waiting.values()) waiting.settle(unclear(waiting, false));
    const zygote = await this.#zygote?.catch(() => undefined);
    await zygote?.[Symbol.asyncDispose]();
    await Promise.all(this.#endings);
  }

  async #send(waiting: Waiting): Promise<void> {
    const zygote = await this.warm();
    waiting.sends += 1;
    zygote.send(waiting.line);
  }

  async #open(): Promise<Zygote> {
    if (this.#closed) throw new AppError('cancelled', 'the supervisor is closed');
    const zygote = await this.#deps.startZygote();
    const ending = this.#replaceWhenDead(zygote);
    this.#endings.add(ending);
    return zygote;
  }

  /** Waits for the zygote's end, and gives what waits to a new one. Never rejects. */
  async #replaceWhenDead(zygote: Zygote): Promise<void> {
    const reason = await zygote.died;
    this.#zygote = undefined;
    if (this.#closed) return;
    this.#deps.logger.warn({ reason, waiting: this.#waiting.size }, 'the shell that starts runs died; runs go on');
    for (const waiting of [...this.#waiting.values()]) await this.#resend(waiting);
  }

  async #resend(waiting: Waiting): Promise<void> {
    try {
      if (waiting.sends < MOST_SENDS) await this.#send(waiting);
      else waiting.settle(unclear(waiting, false));
    } catch (error) {
      this.#deps.logger.error({ reason: errorChain(error) }, 'cannot start the shell that starts runs');
      waiting.settle(unclear(waiting, false));
    }
  }
}

function unclear(waiting: Waiting, denied: boolean): StartNotice {
  return { kind: 'unclear', denied, resent: waiting.sends > 1 };
}
