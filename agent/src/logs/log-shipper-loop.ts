/**
 * Sends the output of all runs while a session lives: one loop and at most one timer for all of them. A stream that has
 * something is sent when its flush time has come, in large pieces while there is a backlog, turn by turn, within the
 * windows; then it rests until the file changes again.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '@muster/common/clock/clock';
import type { Disk, DiskFile } from '@muster/common/disk/disk';
import { errorChain, isAppError } from '@muster/common/errors/app-error';
import type { Logger } from '@muster/common/logging/logger';
import { GapReason, LogChunkSchema, LogGapSchema } from '@muster/gen/muster/agent/v1/log_pb';
import { whenEncoded } from '../connection/encoded-notice.ts';
import type { LogFrame } from '../connection/session-ports.ts';
import { LARGEST_CHUNK_BYTES } from './log-windows.ts';
import { PieceBuffers } from './piece-buffers.ts';
import type { OutputFile, RunOutputs } from './run-outputs.ts';

/** Pieces of one stream in a row before the next stream has its turn: 1 MiB, one batch of the orchestrator's writer. */
const PIECES_PER_TURN = 4;
/** A stream that was just sent is looked at again this soon: a busy writer has more by then, and fewer looks cost less. */
const BUSY_PAUSE_MS = 10;
/** A file that cannot be read now is tried again this often. */
const UNREADABLE_PAUSE_MS = 1_000;

/** What the loop needs. */
export interface LogShipperDeps {
  readonly outputs: RunOutputs;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Queues a frame, waiting for room. */
  readonly send: (frame: LogFrame) => Promise<void>;
}

/** The same, and the loop's own buffers. */
interface ShipperDeps extends LogShipperDeps {
  readonly buffers: PieceBuffers;
}

/** Ships until aborted. What a file does wrong is reported as a gap; only a failing `send` ends the loop. */
export async function runLogShipperLoop(given: LogShipperDeps, signal: AbortSignal): Promise<void> {
  const deps: ShipperDeps = { ...given, buffers: new PieceBuffers() };
  const { outputs, clock } = deps;
  for (;;) {
    signal.throwIfAborted();
    let nextMs = Number.POSITIVE_INFINITY;
    let sentAny = false;
    for (const file of [...outputs.due()]) {
      const dueMs = file.dueMs ?? 0;
      if (dueMs > clock.monotonicMs()) nextMs = Math.min(nextMs, dueMs);
      else if (await shipOne(deps, file)) sentAny = true;
      if (file.dueMs !== undefined) nextMs = Math.min(nextMs, file.dueMs);
    }
    if (!sentAny) await waitForWork(deps, nextMs, signal);
  }
}

/** Waits for a change, or for the next flush time. */
async function waitForWork({ outputs, clock }: LogShipperDeps, untilMs: number, signal: AbortSignal): Promise<void> {
  if (untilMs === Number.POSITIVE_INFINITY) return outputs.changed.wait(signal);
  const leftMs = untilMs - clock.monotonicMs();
  if (leftMs <= 0) return;
  using _timer = clock.schedule(leftMs, () => outputs.changed.notify(), { ref: true });
  await outputs.changed.wait(signal);
}

/** One turn of a stream; true when something was sent. */
async function shipOne(deps: ShipperDeps, file: OutputFile): Promise<boolean> {
  const { cursor } = file;
  file.dueMs = undefined;
  if (cursor.length === undefined) await observe(deps, file);
  if (cursor.pending <= 0) return false;
  let sent = 0;
  let opened: DiskFile | undefined;
  try {
    for (let turn = 0; turn < PIECES_PER_TURN; turn += 1) {
      const piece = cursor.next(Math.min(LARGEST_CHUNK_BYTES, room(deps.outputs, file)));
      if (piece.kind === 'nothing') break;
      opened ??= piece.kind === 'read' ? await open(deps, file) : undefined;
      if (piece.kind === 'gap') sent += await sendGap(deps, file, piece.bytes);
      else if (opened !== undefined) sent += await sendPiece(deps, file, opened, piece.bytes);
    }
  } finally {
    await opened?.close();
  }
  lookAgain(deps, file, sent);
  return sent > 0;
}

/** When the stream is due again: at once while it has more and room, by its acknowledgement where the window is full. */
function lookAgain({ outputs, clock }: LogShipperDeps, file: OutputFile, sent: number): void {
  const { cursor } = file;
  const nowMs = clock.monotonicMs();
  if (cursor.pending > 0) {
    if (room(outputs, file) > 0) file.dueMs = sent > 0 ? nowMs : nowMs + UNREADABLE_PAUSE_MS;
    else if (cursor.unacked === 0) outputs.starved(file);
  } else if (cursor.length === undefined && sent > 0) {
    // It may have grown while it was read, and its notice was taken for the one that brought us here.
    file.dueMs = nowMs + (sent > LARGEST_CHUNK_BYTES ? BUSY_PAUSE_MS : outputs.limits.flushMs);
  }
}

/** Bytes that the windows still let through. */
function room(outputs: RunOutputs, file: OutputFile): number {
  const { nodeWindowBytes, streamWindowBytes } = outputs.limits;
  return Math.min(streamWindowBytes - file.cursor.unacked, nodeWindowBytes - outputs.unackedBytes);
}

async function observe({ disk, logger }: LogShipperDeps, file: OutputFile): Promise<void> {
  try {
    // A file that is not there yet has no bytes; one that has gone lost those it had.
    file.cursor.observed((await disk.stat(file.path))?.sizeBytes ?? 0);
  } catch (error) {
    logger.warn({ path: file.path, reason: errorChain(error) }, 'output cannot be looked at');
  }
}

async function open({ disk, logger }: LogShipperDeps, file: OutputFile): Promise<DiskFile | undefined> {
  try {
    return await disk.open(file.path, 'read');
  } catch (error) {
    const gone = isAppError(error, 'not_found');
    logger.warn({ path: file.path, reason: errorChain(error) }, 'output cannot be read');
    // While the run lives it may become readable again; afterwards what cannot be read is gone.
    if (gone || file.cursor.length !== undefined) file.cursor.observed(file.cursor.sent);
    if (!gone) file.gapReason = GapReason.DISK_ERROR;
    return undefined;
  }
}

/** Reads and sends; returns how many bytes. */
async function sendPiece(deps: ShipperDeps, file: OutputFile, opened: DiskFile, mostBytes: number): Promise<number> {
  const { key, stream, cursor } = file;
  const buffer = deps.buffers.take(mostBytes);
  const offset = cursor.sent;
  const bytes = await readSome(deps, file, opened, buffer.subarray(0, mostBytes));
  // An acknowledgement that came while we read has moved the stream: what was read is not next any more.
  if (cursor.sent !== offset) return 0;
  if (bytes === 0) {
    // The file is shorter than it was, or unreadable: the rest is a gap once the run has ended.
    cursor.observed(offset);
    return 0;
  }
  cursor.advance(bytes);
  const data = buffer.subarray(0, bytes);
  whenEncoded(data, () => deps.buffers.giveBack(buffer));
  const value = create(LogChunkSchema, {
    attemptId: key.attemptId,
    run: key.run,
    stream,
    offsetBytes: BigInt(offset),
    data,
    observedTime: timestampFromMs(Math.trunc(deps.clock.nowMs())),
  });
  await deps.send({ case: 'logChunk', value });
  return bytes;
}

async function readSome(deps: LogShipperDeps, file: OutputFile, opened: DiskFile, buffer: Buffer): Promise<number> {
  try {
    return await opened.read(buffer, file.cursor.sent);
  } catch (error) {
    deps.logger.error({ path: file.path, reason: errorChain(error) }, 'output cannot be read');
    file.gapReason = GapReason.DISK_ERROR;
    return 0;
  }
}

async function sendGap(deps: LogShipperDeps, file: OutputFile, bytes: number): Promise<number> {
  const { key, stream, cursor } = file;
  const offsetBytes = BigInt(cursor.sent);
  cursor.advance(bytes);
  deps.logger.warn({ path: file.path, bytes }, 'output is gone; reported as a gap');
  const value = create(LogGapSchema, {
    attemptId: key.attemptId,
    run: key.run,
    stream,
    offsetBytes,
    lengthBytes: BigInt(bytes),
    reason: file.gapReason,
  });
  await deps.send({ case: 'logGap', value });
  return bytes;
}
