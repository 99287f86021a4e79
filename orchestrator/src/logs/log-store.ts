/**
 * Where the output of runs is kept: the port, apart from the job store, because bytes in bulk want another medium and
 * later another owner. A log belongs to one run of one attempt; its two streams are addressed by offset. What was
 * appended is durable when `append` resolves, and what was durable is never lost or changed.
 */
import type { AttemptId } from '@muster/common/ids/ids';
import type { OutputStreamName } from '../domain/job.ts';
import type { IncomingGap } from '../sessions/session-ports.ts';

/** Why output is gone. */
export type GapReasonName = IncomingGap['reason'];

/** Names a run's log. */
export interface RunKey {
  readonly attemptId: AttemptId;
  readonly run: number;
}

/** A piece to append: bytes, or the news that bytes are gone. It begins where its stream ends. */
export type LogPiece =
  | {
      readonly kind: 'data';
      readonly stream: OutputStreamName;
      readonly startBytes: number;
      readonly data: Uint8Array;
      readonly observedAtMs: number;
    }
  | {
      readonly kind: 'gap';
      readonly stream: OutputStreamName;
      readonly startBytes: number;
      readonly lengthBytes: number;
      readonly reason: GapReasonName;
      readonly observedAtMs: number;
    };

/** A piece that is kept, without its bytes. Records are in the order of arrival, over both streams. */
export interface LogRecord {
  readonly kind: 'data' | 'gap';
  readonly stream: OutputStreamName;
  readonly startBytes: number;
  readonly endBytes: number;
  readonly observedAtMs: number;
  readonly reason: GapReasonName;
}

/** What a stream came to: stored + missing = next. */
export interface StreamExtent {
  readonly storedBytes: number;
  readonly missingBytes: number;
}

/** What a run's log came to. */
export interface RunExtent {
  readonly stdout: StreamExtent;
  readonly stderr: StreamExtent;
  /** Number of records. */
  readonly records: number;
}

/** The next offset of a stream. */
export function nextOffsetOf(extent: StreamExtent): number {
  return extent.storedBytes + extent.missingBytes;
}

/** Kept output. One process owns a store. Calls for one run do not overlap, but for the reading ones. */
export interface LogStore {
  /** What is durable of a run, after a crash cut to what can be proven. A run without output has an empty extent. */
  recover(key: RunKey): Promise<RunExtent>;
  /**
   * Appends in order and returns the new extent; durable when it resolves. `extent` is what `recover` or the last
   * `append` gave. After a failure the log is as before: give the same extent again.
   * @throws AppError resource_exhausted when the disk is full
   */
  append(key: RunKey, extent: RunExtent, pieces: readonly LogPiece[]): Promise<RunExtent>;
  /** Records `from` (counted from 0) and after, `most` at most, of the `extent.records` that are durable. */
  records(key: RunKey, from: number, most: number): Promise<readonly LogRecord[]>;
  /** Reads stored bytes; shorter than asked for only where they are not there, which is a damaged log. */
  read(key: RunKey, stream: OutputStreamName, startBytes: number, lengthBytes: number): Promise<Uint8Array>;
  /** The runs of an attempt that have output, ascending. */
  runs(attemptId: AttemptId): Promise<readonly number[]>;
  /** Removes all that is kept of an attempt. Nothing there is fine. */
  remove(attemptId: AttemptId): Promise<void>;
}
