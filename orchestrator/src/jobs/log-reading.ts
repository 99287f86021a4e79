// Reading the log of one run, as jobs/ needs it; implemented by logs/.
import type { AttemptId } from '@muster/common/ids/ids';
import type { Attempt, OutputStreamName } from '../domain/job.ts';
import type { LogPort } from '../sessions/session-ports.ts';

/** Why bytes are gone. */
export type GapReasonName = Parameters<LogPort['gap']>[1]['reason'];

/** What there is in a log, in the order of its arrival. */
export type LogEvent =
  | {
      readonly kind: 'data';
      readonly stream: OutputStreamName;
      readonly offsetBytes: number;
      readonly data: Uint8Array;
      readonly observedAtMs: number;
    }
  | {
      readonly kind: 'missing';
      readonly stream: OutputStreamName;
      readonly offsetBytes: number;
      readonly lengthBytes: number;
      readonly reason: GapReasonName;
    };

/** What to read. */
export interface LogQuery {
  readonly attemptId: AttemptId;
  readonly run: number;
  readonly streams: readonly OutputStreamName[];
  /** First byte to give, per stream. Unset: from the beginning. */
  readonly from: ReadonlyMap<OutputStreamName, number>;
  /** Only what the agent read then or later, ms since the epoch. */
  readonly sinceMs?: number;
  /** Goes on until the log is settled. */
  readonly follow: boolean;
}

/** The logs. */
export interface LogReading {
  /** Gives pieces of at most 256 KiB. A log that does not exist is empty. Ends by the signal with its reason. */
  read(query: LogQuery, signal: AbortSignal): AsyncIterable<LogEvent>;
}

/** Whether a log is all there, and if not, why, in a sentence. */
export function logEnd(attempt: Attempt): { readonly complete: boolean; readonly message: string } {
  if (attempt.state.kind === 'not_run') return { complete: true, message: '' };
  if (attempt.state.kind !== 'ended') return { complete: false, message: 'the run has not ended' };
  const open = attempt.streams.some(
    ({ producedBytes, storedBytes, missingBytes }) =>
      producedBytes === undefined || storedBytes + missingBytes < producedBytes,
  );
  if (attempt.logComplete && !open && attempt.state.how.kind !== 'lost') return { complete: true, message: '' };
  if (attempt.state.how.kind === 'lost') {
    return { complete: false, message: `nobody can say what else it printed: ${attempt.state.how.message}` };
  }
  return { complete: false, message: 'the rest has not arrived from the node yet' };
}
