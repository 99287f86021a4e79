/**
 * Takes output in from sessions and keeps it (P27 to P31). It never waits for the medium: what comes is held in memory
 * until it is durable and acknowledged then, and where too much is held it is dropped and the node is told, once there is
 * room, where to go on. So a slow or full disk holds back output alone, never heartbeats or results.
 */
import type { Clock } from '@muster/common/clock/clock';
import type { AttemptId, NodeId } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import type { OutputStreamName, StreamTally } from '../domain/job.ts';
import type { AgentSession, IncomingChunk, IncomingGap, LogPort, LogPosition } from '../sessions/session-ports.ts';
import { LogEnds, type StreamLengthOf } from './log-ends.ts';
import { type LogPiece, type LogStore, nextOffsetOf, type RunKey } from './log-store.ts';
import { LogWriter } from './log-writer.ts';
import { type RunLog, RunLogs } from './run-logs.ts';

/** Whose attempt it is; answered from memory. */
export interface AttemptOwners {
  /** The node that may write it: its own, or the one that holds it as foreign. Undefined: none. */
  ownerOf(attemptId: AttemptId): NodeId | undefined;
}

/** What the intake works with. */
export interface LogIntakeDeps {
  readonly store: LogStore;
  readonly owners: AttemptOwners;
  /** Called once per attempt whose log is settled: all of it is durable, or known to be gone. */
  readonly onSettled: (attemptId: AttemptId, tallies: readonly StreamTally[]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Most bytes held in memory until they are durable, over all nodes. Default 256 MiB. */
  readonly mostPendingBytes?: number;
}

/** 16 nodes with a full window of 16 MiB each; 1 to 2 s of a good disk. */
const DEFAULT_MOST_PENDING_BYTES = 256 * 1024 * 1024;
/** What a piece costs beside its bytes: objects and their places in lists. */
const PIECE_COST_BYTES = 200;

/** The intake. */
export class LogIntake implements LogPort, AsyncDisposable {
  /** Logs in memory, for readers. */
  readonly logs: RunLogs;
  readonly #deps: LogIntakeDeps;
  readonly #writer: LogWriter;
  readonly #ends: LogEnds;
  readonly #mostPendingBytes: number;
  readonly #dropped = new Set<RunLog>();
  #pendingBytes = 0;

  constructor(deps: LogIntakeDeps) {
    this.#deps = deps;
    this.#mostPendingBytes = deps.mostPendingBytes ?? DEFAULT_MOST_PENDING_BYTES;
    this.logs = new RunLogs(deps.store);
    const { store, clock, logger, onSettled } = deps;
    this.#writer = new LogWriter({ store, clock, logger, onDurable: (log, batch) => this.#durable(log, batch) });
    const fill = (log: RunLog, stream: OutputStreamName, untilBytes: number): void =>
      this.#fill(log, stream, untilBytes);
    this.#ends = new LogEnds({ store, logs: this.logs, logger, fill, onSettled });
  }

  /** Bytes held in memory until they are durable. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  async chunk(session: AgentSession, chunk: IncomingChunk): Promise<'taken' | 'unknown'> {
    const { stream, observedAtMs } = chunk;
    return await this.#take(session, chunk, chunk.data.byteLength, (startBytes) => {
      const data = chunk.data.subarray(startBytes - chunk.offsetBytes);
      return { kind: 'data', stream, startBytes, data, observedAtMs };
    });
  }

  async gap(session: AgentSession, gap: IncomingGap): Promise<'taken' | 'unknown'> {
    const { stream, reason } = gap;
    return await this.#take(session, gap, gap.lengthBytes, (startBytes) => {
      const lengthBytes = gap.offsetBytes + gap.lengthBytes - startBytes;
      return { kind: 'gap', stream, startBytes, lengthBytes, reason, observedAtMs: this.#deps.clock.nowMs() };
    });
  }

  /** Every stream's length is known: once all of it is settled, `onSettled` is called. Repeating it changes nothing. */
  lengthsKnown(attemptId: AttemptId, lengths: readonly StreamLengthOf[]): void {
    this.#ends.lengthsKnown(attemptId, lengths);
  }

  /** No more bytes come: settles with what there is; where a length is known the rest becomes a gap. */
  endLog(attemptId: AttemptId, lengths: readonly StreamLengthOf[] | undefined): void {
    this.#ends.endLog(attemptId, lengths);
  }

  /** Where the node is to go on, one entry per stream that has bytes. */
  async positions(attemptId: AttemptId): Promise<readonly LogPosition[]> {
    const positions: LogPosition[] = [];
    for (const run of await this.#deps.store.runs(attemptId)) {
      using lease = await this.logs.lease({ attemptId, run });
      for (const stream of ['stdout', 'stderr'] as const) {
        const nextOffsetBytes = nextOffsetOf(lease.log.extent[stream]);
        if (nextOffsetBytes > 0) positions.push({ attemptId, run, stream, nextOffsetBytes });
      }
    }
    return positions;
  }

  /** Returns once what is being written is on the medium; what only waits was never acknowledged and comes again. */
  async close(): Promise<void> {
    await this.#writer.close();
    await this.#ends.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #take(
    session: AgentSession,
    part: RunKey & { readonly stream: OutputStreamName; readonly offsetBytes: number },
    lengthBytes: number,
    pieceFrom: (startBytes: number) => LogPiece,
  ): Promise<'taken' | 'unknown'> {
    const { attemptId, run, stream, offsetBytes } = part;
    const endBytes = offsetBytes + lengthBytes;
    const known = this.logs.peek(part)?.owner;
    if ((this.#deps.owners.ownerOf(attemptId) ?? known) !== session.nodeId) return 'unknown';
    using lease = await this.logs.lease({ attemptId, run });
    const { log } = lease;
    log.owner = session.nodeId;
    log.session = session;
    const nextBytes = log.next[stream];
    if (offsetBytes > nextBytes || endBytes <= nextBytes) this.#answer(log, stream);
    else if (this.#pendingBytes > this.#mostPendingBytes) this.#drop(log, stream);
    else this.#keep(log, pieceFrom(nextBytes), endBytes);
    return 'taken';
  }

  #keep(log: RunLog, piece: LogPiece, endBytes: number): void {
    log.dropped.delete(piece.stream);
    log.next[piece.stream] = endBytes;
    log.pending.push(piece);
    this.#pendingBytes += costOf(piece);
    this.#writer.wake(log);
  }

  /** A gap from where a stream ends to where it should. */
  #fill(log: RunLog, stream: OutputStreamName, untilBytes: number): void {
    const startBytes = log.next[stream];
    if (untilBytes <= startBytes) return;
    const observedAtMs = this.#deps.clock.nowMs();
    const lengthBytes = untilBytes - startBytes;
    this.#keep(log, { kind: 'gap', stream, startBytes, lengthBytes, reason: 'file_gone', observedAtMs }, untilBytes);
  }

  /** Nothing new, or bytes are missing before it: says where the stream goes on. Only what is durable may be said. */
  #answer(log: RunLog, stream: OutputStreamName): void {
    const nextOffsetBytes = nextOffsetOf(log.extent[stream]);
    // What waits is acknowledged when it is durable, which answers this too.
    if (nextOffsetBytes === log.next[stream] && !log.dropped.has(stream)) this.#ack(log, stream, false);
  }

  #drop(log: RunLog, stream: OutputStreamName): void {
    log.dropped.add(stream);
    this.#dropped.add(log);
  }

  #durable(log: RunLog, batch: readonly LogPiece[]): void {
    for (const piece of batch) this.#pendingBytes -= costOf(piece);
    for (const stream of new Set(batch.map((piece) => piece.stream))) {
      if (!log.dropped.has(stream)) this.#ack(log, stream, false);
    }
    this.#ends.durable(log);
    log.changed.resolveAll();
    if (this.#pendingBytes <= this.#mostPendingBytes / 2) this.#resume();
  }

  /** There is room again: nodes whose bytes were dropped are told where to go on, each log once all that it kept is durable. */
  #resume(): void {
    for (const log of this.#dropped) {
      if (!log.flushed) continue;
      this.#dropped.delete(log);
      for (const stream of log.dropped) this.#ack(log, stream, true);
      log.dropped.clear();
    }
  }

  #ack(log: RunLog, stream: OutputStreamName, beyondDropped: boolean): void {
    const nextOffsetBytes = nextOffsetOf(log.extent[stream]);
    log.session?.ackLog({ ...log.key, stream, nextOffsetBytes }, beyondDropped);
  }
}

function costOf(piece: LogPiece): number {
  return PIECE_COST_BYTES + (piece.kind === 'data' ? piece.data.byteLength : 0);
}
