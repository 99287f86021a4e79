/**
 * When a log is settled (P31): the node has named the length of each stream and all of it is durable or known to be
 * gone, or no more can come. Told once to readers, who then end, and to dispatch, which stores it.
 */
import { errorChain } from '@muster/common/errors/app-error';
import type { AttemptId } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import type { OutputStreamName, StreamTally } from '../domain/job.ts';
import { type LogStore, nextOffsetOf, type RunExtent } from './log-store.ts';
import type { LogFinal, RunLog, RunLogs } from './run-logs.ts';

/** How many bytes a stream produced. */
export interface StreamLengthOf {
  readonly run: number;
  readonly stream: OutputStreamName;
  readonly lengthBytes: number;
}

/** What the ends are made of. */
export interface LogEndsDeps {
  readonly store: LogStore;
  readonly logs: RunLogs;
  readonly logger: Logger;
  /** Puts a gap from where a stream ends to where it should. */
  readonly fill: (log: RunLog, stream: OutputStreamName, untilBytes: number) => void;
  readonly onSettled: (attemptId: AttemptId, tallies: readonly StreamTally[]) => void;
}

const STREAMS = ['stdout', 'stderr'] as const satisfies OutputStreamName[];

/** The logs whose end is awaited. */
export class LogEnds {
  readonly #deps: LogEndsDeps;
  readonly #expected = new Map<AttemptId, readonly StreamLengthOf[]>();
  readonly #work = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(deps: LogEndsDeps) {
    this.#deps = deps;
  }

  /** Settles once the streams are as long as this. */
  lengthsKnown(attemptId: AttemptId, lengths: readonly StreamLengthOf[]): void {
    this.#expected.set(attemptId, lengths);
    this.#background(attemptId, this.#check(attemptId));
  }

  /** Settles with what there is and comes to be durable; up to known lengths the rest becomes a gap. */
  endLog(attemptId: AttemptId, lengths: readonly StreamLengthOf[] | undefined): void {
    this.#background(attemptId, lengths === undefined ? this.#endOpen(attemptId) : this.#endFilled(attemptId, lengths));
  }

  /** More of a log is durable. */
  durable(log: RunLog): void {
    const { attemptId } = log.key;
    if (this.#expected.has(attemptId)) this.#background(attemptId, this.#check(attemptId));
  }

  /** Returns once nothing is under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#work);
  }

  async #check(attemptId: AttemptId): Promise<void> {
    const lengths = this.#expected.get(attemptId);
    if (lengths === undefined) return;
    for (const { run, stream, lengthBytes } of lengths) {
      if (lengthBytes === 0) continue;
      using lease = await this.#deps.logs.lease({ attemptId, run });
      if (nextOffsetOf(lease.log.extent[stream]) < lengthBytes) return;
    }
    // Another check of the same may have been faster, or the lengths were named anew.
    if (this.#expected.get(attemptId) !== lengths) return;
    this.#expected.delete(attemptId);
    await this.#settle(attemptId, lengths, undefined);
  }

  async #endFilled(attemptId: AttemptId, lengths: readonly StreamLengthOf[]): Promise<void> {
    for (const { run, stream, lengthBytes } of lengths) {
      using lease = await this.#deps.logs.lease({ attemptId, run });
      this.#deps.fill(lease.log, stream, lengthBytes);
    }
    this.lengthsKnown(attemptId, lengths);
  }

  async #endOpen(attemptId: AttemptId): Promise<void> {
    for (const log of [...this.#deps.logs.ofAttempt(attemptId)]) {
      while (!log.flushed) await log.changed.wait(this.#stop.signal);
    }
    this.#expected.delete(attemptId);
    await this.#settle(attemptId, [], 'nobody can say whether there was more: the node no longer has it');
  }

  async #settle(attemptId: AttemptId, lengths: readonly StreamLengthOf[], message: string | undefined): Promise<void> {
    const tallies: StreamTally[] = [];
    for (const run of await this.#runsOf(attemptId, lengths)) {
      const ofRun = lengths.filter((each) => each.run === run);
      // The commonest log of all is empty; its end does not wait for the disk.
      const printed = ofRun.length === 0 || ofRun.some((each) => each.lengthBytes > 0);
      const key = { attemptId, run };
      using lease = printed ? await this.#deps.logs.lease(key) : this.#deps.logs.leaseEmpty(key);
      const final = finalOf(ofRun, lease.log.extent, message);
      tallies.push(...talliesOf(run, lease.log.extent, final));
      lease.log.final = final;
      lease.log.changed.resolveAll();
    }
    this.#deps.onSettled(attemptId, tallies);
  }

  /** A node that names lengths names every run; only where it named none does the store have to be asked. */
  async #runsOf(attemptId: AttemptId, lengths: readonly StreamLengthOf[]): Promise<Iterable<number>> {
    const runs = new Set(lengths.map((each) => each.run));
    if (runs.size === 0) {
      for (const log of this.#deps.logs.ofAttempt(attemptId)) runs.add(log.key.run);
      for (const run of await this.#deps.store.runs(attemptId)) runs.add(run);
      // Readers wait at the first run, also of an attempt that printed nothing.
      if (runs.size === 0) runs.add(1);
    }
    return [...runs].sort((a, b) => a - b);
  }

  #background(attemptId: AttemptId, work: Promise<void>): void {
    const done = work.catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      this.#deps.logger.error(
        { attemptId, reason: errorChain(error) },
        'cannot settle a log; it stays open until the next start',
      );
    });
    this.#work.add(done);
    done.then(
      () => this.#work.delete(done),
      () => this.#work.delete(done),
    );
  }
}

function finalOf(lengths: readonly StreamLengthOf[], extent: RunExtent, message: string | undefined): LogFinal {
  if (message !== undefined) return { complete: false, message, produced: {} };
  const produced: { stdout?: number; stderr?: number } = {};
  // A node that named less than it sent did produce what it sent.
  for (const { stream, lengthBytes } of lengths) produced[stream] = Math.max(lengthBytes, nextOffsetOf(extent[stream]));
  return { complete: true, produced };
}

/** What each stream of a run came to: those with bytes, and those whose length is known. */
export function talliesOf(run: number, extent: RunExtent, final: LogFinal | undefined): StreamTally[] {
  return STREAMS.flatMap((stream) => {
    const { storedBytes, missingBytes } = extent[stream];
    const producedBytes = final?.produced[stream];
    if (producedBytes === undefined && storedBytes + missingBytes === 0) return [];
    const tally = { run, stream, storedBytes, missingBytes };
    return [producedBytes === undefined ? tally : { ...tally, producedBytes }];
  });
}
