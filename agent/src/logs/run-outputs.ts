/**
 * The output of all runs of this node: which streams there are, how far each is sent, and what is due. The files that the
 * supervisor writes are the truth and the spool; here are only offsets, so memory does not grow with what jobs print.
 */

import { create } from '@bufbuild/protobuf';
import type { Clock } from '@muster/common/clock/clock';
import { Wakeup } from '@muster/common/queue/signal-flag';
import { GapReason } from '@muster/gen/muster/agent/v1/log_pb';
import type { LogAck, LogSettings } from '@muster/gen/muster/agent/v1/session_pb';
import { type HeldOutput, HeldOutputSchema } from '@muster/gen/muster/agent/v1/session_pb';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import type { RunLengths, RunLogsPort } from '../jobs/attempt-ports.ts';
import type { RunKey } from '../supervisor/supervisor.ts';
import { defaultLogLimits, type LogLimits, withSettings } from './log-windows.ts';
import { StreamCursor } from './stream-cursor.ts';

/**
 * How long a stream that was told twice where to go on waits for an acknowledgement before it sends once more: answers to
 * frames that were under way come within a few round trips, and what is sent in vain then is one window.
 */
const ASKED_AGAIN_MS = 5_000;

/** One stream of one run. */
export interface OutputFile {
  readonly key: RunKey;
  readonly stream: OutputStream;
  readonly path: string;
  readonly cursor: StreamCursor;
  /** Monotonic time at which what is there is to be sent even if it is little; undefined: nothing is known to wait. */
  dueMs: number | undefined;
  /** Why bytes are gone, should some be. */
  gapReason: GapReason;
  /** The timer of a stream that may have to go back once more. */
  again: Disposable | undefined;
}

/** Where the files of runs are. */
export type OutputPath = (key: RunKey, stream: 'stdout' | 'stderr') => string;

/** All streams. */
export class RunOutputs implements RunLogsPort {
  readonly #clock: Clock;
  readonly #outputPath: OutputPath;
  readonly #files = new Map<string, OutputFile>();
  readonly #byPath = new Map<string, OutputFile>();
  readonly #starved = new Set<OutputFile>();
  /** Something may be due, or there is room in a window again. */
  readonly changed = new Wakeup();
  #limits: LogLimits = defaultLogLimits;

  constructor(clock: Clock, outputPath: OutputPath) {
    this.#clock = clock;
    this.#outputPath = outputPath;
  }

  /** The limits in force. */
  get limits(): LogLimits {
    return this.#limits;
  }

  /** Bytes sent and not acknowledged, of all streams. */
  get unackedBytes(): number {
    let sum = 0;
    for (const { cursor } of this.#files.values()) sum += cursor.unacked;
    return sum;
  }

  /** Bytes not acknowledged, sent or not: what the spool holds. */
  get spoolBytes(): number {
    let sum = 0;
    for (const { cursor } of this.#files.values()) sum += cursor.end - cursor.acked;
    return sum;
  }

  /** Streams on which something is known to wait. */
  *due(): Generator<OutputFile> {
    for (const file of this.#files.values()) if (file.dueMs !== undefined) yield file;
  }

  begin(key: RunKey): void {
    for (const stream of [OutputStream.STDOUT, OutputStream.STDERR]) {
      const name = nameOf(key, stream);
      if (this.#files.has(name)) continue;
      const path = this.#outputPath(key, stream === OutputStream.STDOUT ? 'stdout' : 'stderr');
      const file: OutputFile = {
        key,
        stream,
        path,
        cursor: new StreamCursor(),
        dueMs: undefined,
        gapReason: GapReason.FILE_GONE,
        again: undefined,
      };
      this.#files.set(name, file);
      this.#byPath.set(path, file);
      this.#mark(file);
    }
  }

  finish(key: RunKey, lengths: RunLengths): RunLengths {
    return {
      stdout: this.#finishOne(key, OutputStream.STDOUT, lengths.stdout),
      stderr: this.#finishOne(key, OutputStream.STDERR, lengths.stderr),
    };
  }

  remove(key: RunKey): void {
    for (const stream of [OutputStream.STDOUT, OutputStream.STDERR]) {
      const file = this.#files.get(nameOf(key, stream));
      if (file === undefined) continue;
      this.#files.delete(nameOf(key, stream));
      this.#byPath.delete(file.path);
      file.again?.[Symbol.dispose]();
      // Bytes of its own that were under way have left the node's window.
      this.#starved.delete(file);
      this.#wakeStarved();
    }
  }

  held(key: RunKey): HeldOutput[] {
    return [OutputStream.STDOUT, OutputStream.STDERR].flatMap((stream) => {
      const file = this.#files.get(nameOf(key, stream));
      if (file === undefined) return [];
      return [create(HeldOutputSchema, { run: key.run, stream, endOffsetBytes: BigInt(file.cursor.end) })];
    });
  }

  /** The file may have grown. Only the first notice since it was sent counts, so a chatty program costs no more. */
  touched(path: string): void {
    const file = this.#byPath.get(path);
    if (file !== undefined && file.dueMs === undefined) this.#mark(file);
  }

  /** All may have grown: notices were missed. */
  touchedAll(): void {
    for (const file of this.#files.values()) if (!file.cursor.settled) this.#mark(file);
  }

  /** A session begins. */
  open(settings: LogSettings | undefined, acks: readonly LogAck[]): void {
    this.#limits = withSettings(defaultLogLimits, settings);
    for (const file of this.#files.values()) {
      file.cursor.rewind();
      this.#watchRepetition(file);
    }
    for (const ack of acks) this.ack(ack);
    // What the orchestrator did not name is sent from where it was acknowledged.
    this.touchedAll();
  }

  configure(settings: LogSettings): void {
    this.#limits = withSettings(this.#limits, settings);
    this.changed.notify();
  }

  ack(ack: LogAck): void {
    const file = this.#files.get(`${ack.attemptId}-${ack.run}-${ack.stream}`);
    if (file === undefined) return;
    file.cursor.acknowledge(Number(ack.nextOffsetBytes));
    this.#watchRepetition(file);
    // A backlog that waited for room goes on at once; a little rest waits for its flush time.
    if (file.cursor.pending >= this.#limits.chunkBytes) file.dueMs = this.#clock.monotonicMs();
    else if (file.cursor.pending > 0) this.#mark(file);
    this.#wakeStarved();
    this.changed.notify();
  }

  /** The node's window is full of other streams' bytes: any acknowledgement makes this one due again. */
  starved(file: OutputFile): void {
    this.#starved.add(file);
  }

  /** Keeps the timer of a stream in step with its cursor. */
  #watchRepetition(file: OutputFile): void {
    if (!file.cursor.askedAgain) {
      file.again?.[Symbol.dispose]();
      file.again = undefined;
    } else {
      file.again ??= this.#clock.schedule(ASKED_AGAIN_MS, () => {
        file.again = undefined;
        file.cursor.goBackAgain();
        file.dueMs = this.#clock.monotonicMs();
        this.changed.notify();
      });
    }
  }

  #wakeStarved(): void {
    for (const file of this.#starved) file.dueMs = this.#clock.monotonicMs();
    this.#starved.clear();
  }

  #finishOne(key: RunKey, stream: OutputStream, sizeBytes: number): number {
    const file = this.#files.get(nameOf(key, stream));
    if (file === undefined) return sizeBytes;
    const length = file.cursor.finish(sizeBytes);
    if (length > file.cursor.sent) {
      // The run is over: nothing more will come that could share the frame.
      file.dueMs = this.#clock.monotonicMs();
      this.changed.notify();
    }
    return length;
  }

  #mark(file: OutputFile): void {
    if (file.dueMs !== undefined) return;
    file.dueMs = file.cursor.length === undefined ? this.#clock.monotonicMs() + this.#limits.flushMs : 0;
    this.changed.notify();
  }
}

function nameOf(key: RunKey, stream: OutputStream): string {
  return `${key.attemptId}-${key.run}-${stream}`;
}
