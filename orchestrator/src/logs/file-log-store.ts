/**
 * The log store on files. Per run, in a directory by the last two characters of the attempt's id (the first of a ULID are
 * the same for years):
 *
 *   <attempt>-<run>.stdout, .stderr   the bytes, each at its own offset (a gap is a hole); made with the first byte
 *   <attempt>-<run>.index             a record per piece, in the order of arrival (index-record.ts)
 *
 * Data and index are written side by side and synced side by side: the index proves the data by its CRC, so after a crash
 * it is cut where the first record or its data does not hold. Only the last batch can be in doubt.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Disk } from '@muster/common/disk/disk';
import { AppError, isAppError } from '@muster/common/errors/app-error';
import type { AttemptId } from '@muster/common/ids/ids';
import type { OutputStreamName } from '../domain/job.ts';
import { FileHandles } from './file-handles.ts';
import { decodeRecord, encodeRecord, type IndexRecord, RECORD_BYTES } from './index-record.ts';
import type { LogPiece, LogRecord, LogStore, RunExtent, RunKey, StreamExtent } from './log-store.ts';

/** Files held open: some hundred runs that print; a process may open 1,024 where nobody raised the limit. */
const MOST_OPEN_FILES = 256;
/** Index records read at a time when a log is recovered: 160 KiB. */
const RECOVER_RECORDS = 4_096;
const STREAMS = ['stdout', 'stderr'] as const satisfies OutputStreamName[];
const EMPTY: StreamExtent = { storedBytes: 0, missingBytes: 0 };
const NOTHING: RunExtent = { stdout: EMPTY, stderr: EMPTY, records: 0 };

/** The log store on a disk. */
export class FileLogStore implements LogStore, AsyncDisposable {
  readonly #disk: Disk;
  readonly #root: string;
  readonly #handles: FileHandles;
  /** Directories that are known to be there. At most 1,024: two characters of base 32. */
  readonly #directories = new Set<string>();

  /** @param root directory of the store; made with the first byte */
  constructor(disk: Disk, root: string) {
    this.#disk = disk;
    this.#root = root;
    this.#handles = new FileHandles(disk, MOST_OPEN_FILES);
  }

  async recover(key: RunKey): Promise<RunExtent> {
    const path = this.#path(key, 'index');
    const stat = await this.#disk.stat(path);
    if (stat === undefined) return NOTHING;
    const proven = await this.#prove(key, Math.floor(stat.sizeBytes / RECORD_BYTES));
    if (proven.records * RECORD_BYTES !== stat.sizeBytes) {
      using index = await this.#handles.lease(path, 'read_write');
      await index.file.truncate(proven.records * RECORD_BYTES);
      await index.file.datasync();
    }
    return proven;
  }

  async append(key: RunKey, extent: RunExtent, pieces: readonly LogPiece[]): Promise<RunExtent> {
    if (pieces.length === 0) return extent;
    await this.#makeDirectory(key.attemptId);
    const index = Buffer.allocUnsafe(pieces.length * RECORD_BYTES);
    pieces.forEach((piece, at) => {
      encodeRecord(index, at * RECORD_BYTES, piece, at === 0);
    });
    const writes = STREAMS.map((stream) => this.#writeData(key, stream, pieces));
    writes.push(this.#writeSynced(this.#path(key, 'index'), extent.records * RECORD_BYTES, [index]));
    await settleAll(writes);
    // A new file's name is durable with its directory only.
    if (isNew(extent, pieces)) await this.#disk.syncDirectory(this.#directory(key.attemptId));
    return grown(extent, pieces);
  }

  async records(key: RunKey, from: number, most: number): Promise<readonly LogRecord[]> {
    return await this.#readRecords(key, from, most);
  }

  async read(key: RunKey, stream: OutputStreamName, startBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(lengthBytes);
    using lease = await this.#handles.lease(this.#path(key, stream), 'read');
    let done = 0;
    while (done < lengthBytes) {
      const count = await lease.file.read(buffer.subarray(done), startBytes + done);
      if (count === 0) break;
      done += count;
    }
    return buffer.subarray(0, done);
  }

  async runs(attemptId: AttemptId): Promise<readonly number[]> {
    const names = await this.#names(attemptId);
    const runs = names.flatMap((name) => (name.endsWith('.index') ? [Number(name.slice(27, -'.index'.length))] : []));
    return runs.filter((run) => Number.isSafeInteger(run)).sort((a, b) => a - b);
  }

  async remove(attemptId: AttemptId): Promise<void> {
    const directory = this.#directory(attemptId);
    const paths = (await this.#names(attemptId)).map((name) => join(directory, name));
    await this.#handles.drop(paths);
    // The index last: without it the rest would be unknown, and with it the removal can be repeated.
    const inOrder = [...paths].sort((a, b) => Number(a.endsWith('.index')) - Number(b.endsWith('.index')));
    for (const path of inOrder) await this.#disk.unlink(path);
    if (paths.length > 0) await this.#disk.syncDirectory(directory);
  }

  /** Closes all files. Nothing is lost by not calling it. */
  async close(): Promise<void> {
    await this.#handles.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Cuts `count` records to those that hold. */
  async #prove(key: RunKey, count: number): Promise<RunExtent> {
    let extent = NOTHING;
    let doubtful: IndexRecord[] = [];
    let settled = NOTHING;
    for (let from = 0; from < count; from += RECOVER_RECORDS) {
      const batch = await this.#readRecords(key, from, Math.min(RECOVER_RECORDS, count - from));
      for (const record of batch) {
        if (record.startBytes !== nextOf(extent, record.stream)) return await this.#proveData(key, settled, doubtful);
        if (record.settled) {
          settled = extent;
          doubtful = [];
        }
        doubtful.push(record);
        extent = withRecord(extent, record);
      }
      if (batch.length < Math.min(RECOVER_RECORDS, count - from)) break;
    }
    return await this.#proveData(key, settled, doubtful);
  }

  async #proveData(key: RunKey, settled: RunExtent, doubtful: readonly IndexRecord[]): Promise<RunExtent> {
    let extent = settled;
    for (const record of doubtful) {
      if (record.kind === 'data' && !(await this.#holds(key, record))) return extent;
      extent = withRecord(extent, record);
    }
    return extent;
  }

  async #holds(key: RunKey, record: IndexRecord): Promise<boolean> {
    const lengthBytes = record.endBytes - record.startBytes;
    try {
      const data = await this.read(key, record.stream, record.startBytes, lengthBytes);
      return data.byteLength === lengthBytes && crc32(data) === record.dataCrc;
    } catch (error) {
      if (isAppError(error, 'not_found')) return false;
      throw error;
    }
  }

  /** Records up to the first that is torn. */
  async #readRecords(key: RunKey, from: number, most: number): Promise<IndexRecord[]> {
    using lease = await this.#handles.lease(this.#path(key, 'index'), 'read');
    const buffer = Buffer.allocUnsafe(most * RECORD_BYTES);
    let done = 0;
    while (done < buffer.byteLength) {
      const count = await lease.file.read(buffer.subarray(done), from * RECORD_BYTES + done);
      if (count === 0) break;
      done += count;
    }
    const records: IndexRecord[] = [];
    for (let at = 0; at < done; at += RECORD_BYTES) {
      const record = decodeRecord(buffer.subarray(0, done), at);
      if (record === undefined) break;
      records.push(record);
    }
    return records;
  }

  async #writeData(key: RunKey, stream: OutputStreamName, pieces: readonly LogPiece[]): Promise<void> {
    // Bytes between two gaps are one stretch, and one write.
    let parts: Uint8Array[] = [];
    let startBytes = 0;
    let endBytes = -1;
    const stretches: { startBytes: number; parts: Uint8Array[] }[] = [];
    for (const piece of pieces) {
      if (piece.kind !== 'data' || piece.stream !== stream) continue;
      if (piece.startBytes !== endBytes) {
        parts = [];
        startBytes = piece.startBytes;
        stretches.push({ startBytes, parts });
      }
      parts.push(piece.data);
      endBytes = piece.startBytes + piece.data.byteLength;
    }
    if (stretches.length === 0) return;
    using lease = await this.#handles.lease(this.#path(key, stream), 'read_write');
    for (const stretch of stretches) await lease.file.write(stretch.parts, stretch.startBytes);
    await lease.file.datasync();
  }

  async #writeSynced(path: string, position: number, data: readonly Uint8Array[]): Promise<void> {
    using lease = await this.#handles.lease(path, 'read_write');
    await lease.file.write(data, position);
    await lease.file.datasync();
  }

  async #makeDirectory(attemptId: AttemptId): Promise<void> {
    const directory = this.#directory(attemptId);
    if (this.#directories.has(directory)) return;
    if ((await this.#disk.stat(directory)) === undefined) {
      await this.#disk.mkdir(directory, { recursive: true });
      await this.#disk.syncDirectory(this.#root);
    }
    this.#directories.add(directory);
  }

  async #names(attemptId: AttemptId): Promise<readonly string[]> {
    const directory = this.#directory(attemptId);
    if (!this.#directories.has(directory) && (await this.#disk.stat(directory)) === undefined) return [];
    return (await this.#disk.list(directory)).filter((name) => name.startsWith(`${attemptId}-`));
  }

  #directory(attemptId: AttemptId): string {
    return join(this.#root, attemptId.slice(-2));
  }

  #path(key: RunKey, what: OutputStreamName | 'index'): string {
    return join(this.#directory(key.attemptId), `${key.attemptId}-${key.run}.${what}`);
  }
}

/** Waits for all, so that none still writes when the first failure is thrown. */
async function settleAll(writes: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(writes)) {
    if (result.status === 'rejected') throw AppError.from(result.reason, 'cannot store output');
  }
}

function isNew(extent: RunExtent, pieces: readonly LogPiece[]): boolean {
  if (extent.records === 0) return true;
  return pieces.some((piece) => piece.kind === 'data' && extent[piece.stream].storedBytes === 0);
}

function nextOf(extent: RunExtent, stream: OutputStreamName): number {
  return extent[stream].storedBytes + extent[stream].missingBytes;
}

function grown(extent: RunExtent, pieces: readonly LogPiece[]): RunExtent {
  let next = extent;
  for (const piece of pieces) {
    const lengthBytes = piece.kind === 'data' ? piece.data.byteLength : piece.lengthBytes;
    next = plus(next, piece.stream, piece.kind, lengthBytes);
  }
  return next;
}

function withRecord(extent: RunExtent, record: IndexRecord): RunExtent {
  return plus(extent, record.stream, record.kind, record.endBytes - record.startBytes);
}

function plus(extent: RunExtent, stream: OutputStreamName, kind: 'data' | 'gap', lengthBytes: number): RunExtent {
  const { storedBytes, missingBytes } = extent[stream];
  const added =
    kind === 'data'
      ? { storedBytes: storedBytes + lengthBytes, missingBytes }
      : { storedBytes, missingBytes: missingBytes + lengthBytes };
  return { ...extent, [stream]: added, records: extent.records + 1 };
}
