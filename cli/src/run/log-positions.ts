/**
 * How far each stream was read, so that after a broken connection no byte comes twice and none is skipped unseen.
 * Purely in memory; what is gone for good is kept in words for the end.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { GapReasonSchema } from '@muster/gen/muster/agent/v1/log_pb';
import type {
  LogData,
  LogEnd,
  LogMissing,
  LogPositionSchema,
  LogSource,
} from '@muster/gen/muster/control/v1/job_service_pb';
import { type Job, type OutputStream, OutputStreamSchema } from '@muster/gen/muster/job/v1/status_pb';
import { enumName } from '../show/enum-name.ts';

interface StreamKey {
  readonly attemptId: string;
  readonly run: number;
  readonly stream: OutputStream;
}

interface Reached extends StreamKey {
  nextOffset: bigint;
}

/** The state of reading one job's output. */
export class LogPositions {
  readonly #reached = new Map<string, Reached>();
  readonly #ended = new Map<string, LogEnd>();
  readonly #gaps: string[] = [];
  #events = 0;

  /** Grows with everything that is new; for noticing that nothing moves. */
  get progress(): number {
    return this.#events;
  }

  /** Where to go on, for a new ReadLogs. */
  toRequest(): MessageInitShape<typeof LogPositionSchema>[] {
    return [...this.#reached.values()].map(({ attemptId, run, stream, nextOffset }) => ({
      attemptId,
      run,
      stream,
      offsetBytes: nextOffset,
    }));
  }

  /** The part of the data that was not seen yet; undefined: all of it was. */
  take(data: LogData): Uint8Array | undefined {
    if (data.source === undefined) return undefined;
    const reached = this.#at(data.source, data.stream);
    const end = data.offsetBytes + BigInt(data.data.length);
    if (end <= reached.nextOffset) return undefined;
    this.#events += 1;
    if (data.offsetBytes > reached.nextOffset) {
      this.#noteGap(data.source, data.stream, reached.nextOffset, data.offsetBytes, 'it was not sent');
    }
    const seen = data.offsetBytes < reached.nextOffset ? Number(reached.nextOffset - data.offsetBytes) : 0;
    reached.nextOffset = end;
    return seen === 0 ? data.data : data.data.subarray(seen);
  }

  /** Notes output that is gone. */
  takeMissing(missing: LogMissing): void {
    if (missing.source === undefined) return;
    const reached = this.#at(missing.source, missing.stream);
    const end = missing.offsetBytes + missing.lengthBytes;
    if (end <= reached.nextOffset) return;
    this.#events += 1;
    this.#noteGap(missing.source, missing.stream, missing.offsetBytes, end, enumName(GapReasonSchema, missing.reason));
    reached.nextOffset = end;
  }

  /** Notes that nothing more comes for an attempt. */
  takeEnd(end: LogEnd): void {
    if (end.source === undefined) return;
    this.#events += 1;
    this.#ended.set(end.source.attemptId, end);
  }

  /** Output that is gone for good, one sentence each. */
  gaps(): readonly string[] {
    return this.#gaps;
  }

  /** Attempts whose output is not complete, one sentence each: it may still come. */
  incomplete(): string[] {
    return [...this.#ended.values()]
      .filter((end) => !end.complete)
      .map(
        (end) => `output of ${sourceName(end.source)} is not complete${end.message === '' ? '' : `: ${end.message}`}`,
      );
  }

  /** What a job that has ended produced and we have not read: for readers that give up. */
  unread(job: Job): string[] {
    return job.tasks.flatMap((task) => {
      const attempt = task.attempts.at(-1);
      if (attempt === undefined || this.#ended.has(attempt.id)) return [];
      return attempt.streams.flatMap((status) => {
        const next = this.#reached.get(keyOf({ attemptId: attempt.id, run: status.run, stream: status.stream }));
        const left = (status.producedBytes ?? status.storedBytes) - (next?.nextOffset ?? 0n);
        const name = `${enumName(OutputStreamSchema, status.stream)} of task ${task.index} on ${attempt.nodeName}`;
        return left > 0n ? [`${left} bytes of ${name} have not arrived`] : [];
      });
    });
  }

  #at(source: LogSource, stream: OutputStream): Reached {
    const key: StreamKey = { attemptId: source.attemptId, run: source.run, stream };
    const known = this.#reached.get(keyOf(key));
    if (known !== undefined) return known;
    const fresh = { ...key, nextOffset: 0n };
    this.#reached.set(keyOf(key), fresh);
    return fresh;
  }

  #noteGap(source: LogSource, stream: OutputStream, from: bigint, to: bigint, why: string): void {
    this.#gaps.push(
      `${to - from} bytes of ${enumName(OutputStreamSchema, stream)} of ${sourceName(source)} are gone, from byte ${from} on (${why})`,
    );
  }
}

function keyOf({ attemptId, run, stream }: StreamKey): string {
  return `${attemptId}/${run}/${stream}`;
}

function sourceName(source: LogSource | undefined): string {
  return source === undefined ? 'an attempt' : `task ${source.taskIndex} on ${source.nodeName}`;
}
