/**
 * Reads a run's log in the order of arrival, from where a reader wants, and on while it grows. A reader takes from the
 * files at its own pace and holds one piece at a time: a slow one costs the intake nothing.
 */
import type { OutputStreamName, StreamTally } from '../domain/job.ts';
import { talliesOf } from './log-ends.ts';
import type { GapReasonName, LogRecord, LogStore, RunKey } from './log-store.ts';
import type { LogFinal, RunLog, RunLogs } from './run-logs.ts';

/** What to read. */
export interface LogReadOptions {
  /** Unset: both, in the order of arrival. */
  readonly stream?: OutputStreamName;
  /** The first byte of each stream. Unset: 0. */
  readonly from?: { readonly stdout?: number; readonly stderr?: number };
  /** Only what the node read at this time or later. Unset: all. */
  readonly sinceMs?: number;
  /** Goes on until the log is settled. */
  readonly follow: boolean;
  /** What the store says of a log that is settled, which may be long out of memory. Unset: it is not. */
  readonly final?: LogFinal;
}

/** A piece of a log, or its end. */
export type LogEvent =
  | {
      readonly kind: 'data';
      readonly stream: OutputStreamName;
      readonly startBytes: number;
      /** 256 KiB at most. */
      readonly data: Uint8Array;
      readonly observedAtMs: number;
    }
  | {
      readonly kind: 'missing';
      readonly stream: OutputStreamName;
      readonly startBytes: number;
      readonly lengthBytes: number;
      readonly reason: GapReasonName;
    }
  | {
      readonly kind: 'end';
      readonly tallies: readonly StreamTally[];
      readonly complete: boolean;
      /** Why it is not complete, in a sentence. */
      readonly message?: string;
    };

/** Largest piece, as the contract says of LogData. */
const LARGEST_PIECE_BYTES = 256 * 1024;
/** Pieces that came within a second of each other are shown as one. */
const MERGE_WITHIN_MS = 1_000;
/** Index records read at a time: 10 KiB. */
const RECORDS_AT_A_TIME = 256;
const NOT_SETTLED = 'the log is not complete yet';

/** Where logs are read. */
export interface LogReaderDeps {
  readonly store: LogStore;
  readonly logs: RunLogs;
}

/**
 * Reads; the last event is `end`. With `follow` it comes when the log is settled.
 * @throws the signal's reason when aborted while it waits for more
 */
export async function* readLog(
  deps: LogReaderDeps,
  key: RunKey,
  options: LogReadOptions,
  signal: AbortSignal,
): AsyncGenerator<LogEvent, void, void> {
  using lease = await deps.logs.lease(key);
  const { log } = lease;
  let seen = 0;
  for (;;) {
    signal.throwIfAborted();
    const available = log.extent.records;
    while (seen < available) {
      const records = await deps.store.records(key, seen, Math.min(RECORDS_AT_A_TIME, available - seen));
      if (records.length === 0) {
        yield { ...endOf(log, options), complete: false, message: 'the log is damaged on the orchestrator' };
        return;
      }
      seen += records.length;
      for (const record of merged(records, options)) yield* eventsOf(deps.store, key, record);
    }
    if (log.final !== undefined || options.final !== undefined || !options.follow) {
      if (seen < log.extent.records) continue;
      yield endOf(log, options);
      return;
    }
    // Nothing can have come since the look above: no other code ran in between.
    if (seen === log.extent.records) await log.changed.wait(signal);
  }
}

function endOf(log: RunLog, options: LogReadOptions): Extract<LogEvent, { kind: 'end' }> {
  const final = log.final ?? options.final;
  const tallies = talliesOf(log.key.run, log.extent, final).filter(
    ({ stream }) => options.stream === undefined || stream === options.stream,
  );
  const complete = final?.complete ?? false;
  const message = final === undefined ? NOT_SETTLED : final.message;
  return { kind: 'end', tallies, complete, ...(complete || message === undefined ? {} : { message }) };
}

/** What a reader wants of some records, cut to its positions, adjacent pieces as one. */
function merged(records: readonly LogRecord[], options: LogReadOptions): LogRecord[] {
  const wanted: LogRecord[] = [];
  for (const record of records) {
    const cut = wantedPart(record, options);
    if (cut === undefined) continue;
    const last = wanted.at(-1);
    if (last !== undefined && belongTogether(last, cut))
      wanted[wanted.length - 1] = { ...last, endBytes: cut.endBytes };
    else wanted.push(cut);
  }
  return wanted;
}

function wantedPart(record: LogRecord, options: LogReadOptions): LogRecord | undefined {
  if (options.stream !== undefined && record.stream !== options.stream) return undefined;
  if (options.sinceMs !== undefined && record.observedAtMs < options.sinceMs) return undefined;
  const startBytes = Math.max(record.startBytes, options.from?.[record.stream] ?? 0);
  return startBytes < record.endBytes ? { ...record, startBytes } : undefined;
}

function belongTogether(first: LogRecord, second: LogRecord): boolean {
  return (
    first.kind === second.kind &&
    first.stream === second.stream &&
    first.reason === second.reason &&
    first.endBytes === second.startBytes &&
    second.observedAtMs - first.observedAtMs <= MERGE_WITHIN_MS &&
    (first.kind === 'gap' || second.endBytes - first.startBytes <= LARGEST_PIECE_BYTES)
  );
}

async function* eventsOf(store: LogStore, key: RunKey, record: LogRecord): AsyncGenerator<LogEvent, void, void> {
  const { stream, startBytes, endBytes, observedAtMs, reason } = record;
  const lengthBytes = endBytes - startBytes;
  if (record.kind === 'gap') {
    yield { kind: 'missing', stream, startBytes, lengthBytes, reason };
    return;
  }
  const data = await store.read(key, stream, startBytes, lengthBytes);
  if (data.byteLength > 0) yield { kind: 'data', stream, startBytes, data, observedAtMs };
  const lostBytes = lengthBytes - data.byteLength;
  if (lostBytes > 0) {
    // Durable once, and gone since: somebody else changed the file.
    yield { kind: 'missing', stream, startBytes: endBytes - lostBytes, lengthBytes: lostBytes, reason: 'disk_error' };
  }
}
