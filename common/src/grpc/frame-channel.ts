/**
 * A grpc-js stream as two sides of typed frames: an async iterable in, `send` out. The only place that knows the
 * stream's events. Neither side buffers without bound: inbound, grpc-js stops reading the connection once 16 frames
 * are unread; outbound, `send` waits while 16 frames are unsent.
 */
import { type ClientDuplexStream, Metadata, type ServerDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { type Clock, systemClock } from '../clock/clock.ts';
import { AppError, isError } from '../errors/app-error.ts';
import { fromServiceError, toServiceError } from '../errors/grpc-status.ts';
import type { ReportIncident } from '../errors/wire-details.ts';
import { Waiters } from '../queue/waiters.ts';
import { resetServerStream } from './http2-of-call.ts';

/** Frames both ways over one stream. */
export interface FrameChannel<In, Out> {
  /**
   * Frames of the other side, in order; to be iterated once. Ends when the other side closed its half or we aborted,
   * throws an AppError when the stream broke. A client's cancel begins with a half-close on the wire, so it
   * may look like one here: what must be told apart needs a goodbye frame. Leaving the loop early discards what still comes; it does not end our half.
   */
  readonly frames: AsyncIterable<In>;
  /** Resolves when the transport has taken the frame, in the order of the calls. Rejects once the stream has ended. */
  send(frame: Out): Promise<void>;
  /** Whether a `send` now would return without waiting. */
  readonly writableNow: boolean;
  /** Closes our half after what was sent; the server's close ends the call with status OK. A second call does nothing. */
  close(): void;
  /** Ends both halves now. The server tells the client `reason`; a client's reason stays here. Waiting `send`s reject with it. */
  abort(reason: AppError): void;
  /**
   * Settles when the stream is over: undefined after an orderly end or our own abort, otherwise why it broke. A client
   * learns of the server's end only by reading `frames`. Never rejects.
   */
  readonly closed: Promise<AppError | undefined>;
}

/** A server's status that a stuck client does not take is given up after this long, and the stream is reset. */
const ABORT_GRACE_MS = 1_000;

/** What the two kinds of streams have in common and where they differ. */
interface Side<In, Out> {
  readonly stream: ClientDuplexStream<Out, In> | ServerDuplexStream<In, Out>;
  readonly write: (frame: Out) => boolean;
  readonly abort: (reason: AppError) => void;
  /** Asked at the end of the frames: whether the other side ended its half only. A server always ends the call. */
  readonly wasHalfClose: () => boolean;
}

type State =
  | { readonly kind: 'open' }
  | { readonly kind: 'closing' }
  | { readonly kind: 'over'; readonly failure: AppError };

/** The agent's end. */
export function clientFrameChannel<In, Out>(stream: ClientDuplexStream<Out, In>): FrameChannel<In, Out> {
  const channel = new DuplexFrameChannel<In, Out>({
    stream,
    write: (frame) => stream.write(frame),
    abort: () => stream.cancel(),
    wasHalfClose: () => false,
  });
  stream.on('error', (error) => channel.ended(failureOf(error)));
  stream.on('status', (status) => channel.ended(status.code === 0 ? undefined : fromServiceError(status)));
  return channel;
}

/** What the server's end needs beside the stream. */
export interface ServerChannelOptions {
  /** Records an internal error that we abort with; its id is what the client sees. */
  readonly report: ReportIncident;
  /** Default the system clock. */
  readonly clock?: Clock;
}

/** The orchestrator's end. Make it in the handler, synchronously: frames and errors may come at once. */
export function serverFrameChannel<In, Out>(
  stream: ServerDuplexStream<In, Out>,
  options: ServerChannelOptions,
): FrameChannel<In, Out> {
  const clock = options.clock ?? systemClock;
  const abort = (reason: AppError): void => {
    const timer = clock.schedule(ABORT_GRACE_MS, () => resetServerStream(stream));
    stream.once('close', () => timer[Symbol.dispose]());
    endWithStatus(stream, toServiceError(reason, options.report));
  };
  const channel = new DuplexFrameChannel<In, Out>({
    stream,
    write: (frame) => stream.write(frame),
    abort,
    wasHalfClose: () => stream.readableEnded,
  });
  // An error event is our own abort: grpc-js itself emits none on this side.
  stream.on('error', (error) => channel.ended(failureOf(error)));
  // 'cancelled' comes whenever the call is over, also after our own orderly end.
  stream.on('cancelled', () => channel.gone());
  stream.on('close', () => channel.gone());
  return channel;
}

/**
 * Ends a server's stream with a status, after what was written before. grpc-js has only the error event for it, which
 * also makes a reader's iterator destroy the stream: while a frame is still being written the status would be lost, and
 * the client would wait for ever. So the status is put where that event would put it, and the event is the fallback.
 */
function endWithStatus(stream: ServerDuplexStream<unknown, unknown>, status: ServiceError): void {
  if (Reflect.has(stream, 'pendingStatus')) {
    Reflect.set(stream, 'pendingStatus', { code: status.code, details: status.details, metadata: status.metadata });
    stream.end();
  } else {
    stream.emit('error', status);
  }
}

class DuplexFrameChannel<In, Out> implements FrameChannel<In, Out> {
  readonly frames: AsyncIterable<In>;
  readonly closed: Promise<AppError | undefined>;
  readonly #side: Side<In, Out>;
  readonly #drained = new Waiters<void>();
  readonly #settle: (failure: AppError | undefined) => void;
  #state: State = { kind: 'open' };
  #aborted = false;

  constructor(side: Side<In, Out>) {
    this.#side = side;
    const { promise, resolve } = Promise.withResolvers<AppError | undefined>();
    this.closed = promise;
    this.#settle = resolve;
    this.frames = this.#read();
    side.stream.on('drain', () => this.#drained.resolveAll());
  }

  get writableNow(): boolean {
    return this.#state.kind === 'open' && !this.#side.stream.writableNeedDrain;
  }

  async send(frame: Out): Promise<void> {
    if (this.#state.kind === 'over') throw this.#state.failure;
    if (this.#state.kind === 'closing') throw new AppError('failed_precondition', 'our half of the stream is closed');
    if (!this.#side.write(frame)) await this.#drained.wait();
  }

  close(): void {
    if (this.#state.kind !== 'open') return;
    this.#state = { kind: 'closing' };
    this.#side.stream.end();
  }

  abort(reason: AppError): void {
    if (this.#state.kind === 'over') return;
    this.#aborted = true;
    this.#finish(reason, undefined);
    this.#side.abort(reason);
  }

  /** The stream is over with this status. */
  ended(failure: AppError | undefined): void {
    this.#finish(failure ?? new AppError('unavailable', 'the other side closed the stream'), failure);
  }

  /** The stream is over and nobody said why: orderly if we had closed our half, broken if not. */
  gone(): void {
    const orderly = this.#state.kind === 'closing';
    const text = 'the stream ended unannounced: connection lost, cancelled, or a frame that cannot be read';
    this.ended(orderly ? undefined : new AppError('unavailable', text));
  }

  #finish(forSenders: AppError, outcome: AppError | undefined): void {
    if (this.#state.kind === 'over') return;
    this.#state = { kind: 'over', failure: forSenders };
    this.#drained.rejectAll(forSenders);
    this.#settle(outcome);
  }

  async *#read(): AsyncGenerator<In, void, void> {
    const { stream } = this.#side;
    try {
      // Left to itself the iterator would destroy the call when the loop is left, and the goodbye with it.
      for await (const frame of stream.iterator({ destroyOnReturn: false })) {
        if (this.#aborted) return;
        yield frame;
      }
      await this.#checkEnd();
    } catch (error) {
      if (this.#aborted) return;
      throw await this.#readFailure(error);
    } finally {
      stream.resume();
    }
  }

  /** Without this, a stream that broke before the first read would look closed. */
  async #checkEnd(): Promise<void> {
    if (this.#aborted || this.#side.wasHalfClose()) return;
    const failure = await this.closed;
    if (failure !== undefined) throw failure;
  }

  /** Why reading failed: the stream's own end knows better than the iterator ("premature close"). */
  async #readFailure(error: unknown): Promise<AppError> {
    return (await this.closed) ?? failureOf(error);
  }
}

function failureOf(error: unknown): AppError {
  if (isError(error) && 'details' in error && 'metadata' in error && 'code' in error) {
    const { details, metadata, code } = error;
    if (typeof details === 'string' && typeof code === 'number' && metadata instanceof Metadata) {
      return fromServiceError({ code, details, metadata });
    }
  }
  return AppError.from(error, 'the stream broke');
}
