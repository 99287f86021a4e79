/**
 * The ledger: what this node has started and how it ended, in one preallocated journal. A record is written before
 * anything is done on the strength of it; once the write has returned it survives `kill -9`, and `runLedgerSyncLoop`
 * makes it survive power loss within a second. Entries stay until the orchestrator says `forget`.
 *
 * The journal carries the ledger's id, so a lost journal means another ledger: the orchestrator then closes what this
 * node held instead of sending it again. A journal whose header is spoilt is refused, never replaced silently.
 */
import { dirname } from 'node:path';
import type { Disk, DiskFile } from '@muster/common/disk/disk';
import { AppError, isAppError } from '@muster/common/errors/app-error';
import { type AttemptId, asAttemptId, asLedgerId, type Ids, isUlid, type LedgerId } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import { Wakeup } from '@muster/common/queue/signal-flag';
import {
  decodeHeader,
  encodeHeader,
  encodeRecord,
  type FoundRecord,
  HEADER_BYTES,
  type JournalRecord,
  recordBytes,
  scanJournal,
} from './journal-format.ts';

/** 8 MiB: thousands of small attempts between two compactions, and a quarter of a second to write at first start. */
const DEFAULT_JOURNAL_BYTES = 8 * 1024 * 1024;

/** An attempt in the ledger. */
export interface LedgerEntry {
  readonly attemptId: AttemptId;
  /** The boot it was started under; undefined where the record is damaged. */
  readonly bootId: string | undefined;
  /** The assignment as bytes; undefined where the record is damaged. */
  readonly assignment: Uint8Array | undefined;
  /** The terminal status as bytes; undefined while there is none. */
  readonly result: Uint8Array | undefined;
}

/** What the ledger needs. */
export interface LedgerDeps {
  readonly disk: Disk;
  readonly path: string;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Least size of the journal in bytes. Default 8 MiB. */
  readonly journalBytes?: number;
}

/** Where a body stands in the file. */
interface Body {
  readonly position: number;
  readonly bytes: number;
}

/** What is known of an attempt without reading bodies: specs of 1 MiB each do not stay in memory. */
interface IndexEntry {
  started: Body | undefined;
  result: Body | undefined;
}

interface Pending {
  readonly record: JournalRecord;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** The open ledger; closing it closes the file. One per state directory (the agent holds the directory's lock). */
export class Ledger implements AsyncDisposable {
  readonly ledgerId: LedgerId;
  readonly #deps: LedgerDeps;
  readonly #index = new Map<string, IndexEntry>();
  readonly #unsynced = new Set<string>();
  readonly #dirty = new Wakeup();
  #file: DiskFile;
  #endPosition: number;
  #sizeBytes: number;
  #highestStoreEpoch = 0n;
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;

  private constructor(deps: LedgerDeps, ledgerId: LedgerId, file: DiskFile, sizeBytes: number) {
    this.#deps = deps;
    this.ledgerId = ledgerId;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#endPosition = HEADER_BYTES;
  }

  /**
   * Opens the journal, makes it where there is none, and compacts it.
   * @throws AppError data_loss when the header is spoilt, resource_exhausted when the disk is full at the first start
   */
  static async open(deps: LedgerDeps): Promise<Ledger> {
    const bytes = await deps.disk.readFile(deps.path);
    if (bytes === undefined) return Ledger.#create(deps);
    const ledgerId = decodeHeader(bytes);
    if (ledgerId === undefined || !isUlid(ledgerId)) {
      throw new AppError(
        'data_loss',
        `the ledger ${deps.path} is damaged at its beginning; move it away to start with a new one: the attempts of this node will then be closed as lost`,
      );
    }
    const file = await deps.disk.open(deps.path, 'read_write');
    const ledger = new Ledger(deps, asLedgerId(ledgerId), file, bytes.byteLength);
    ledger.#load(bytes);
    await ledger.#compactIfPossible();
    return ledger;
  }

  static async #create(deps: LedgerDeps): Promise<Ledger> {
    const ledgerId = asLedgerId(deps.ids.next());
    const sizeBytes = deps.journalBytes ?? DEFAULT_JOURNAL_BYTES;
    const temporary = `${deps.path}.tmp`;
    const file = await deps.disk.open(temporary, 'truncate');
    await file.write(encodeHeader(ledgerId), 0);
    await file.preallocate(sizeBytes);
    await file.datasync();
    await deps.disk.rename(temporary, deps.path);
    await deps.disk.syncDirectory(dirname(deps.path));
    return new Ledger(deps, ledgerId, file, sizeBytes);
  }

  /** The highest store epoch this node was ever told; 0: none. */
  get highestStoreEpoch(): bigint {
    return this.#highestStoreEpoch;
  }

  /** Attempts held. */
  get attemptIds(): readonly AttemptId[] {
    return [...this.#index.keys()].map((id) => asAttemptId(id));
  }

  /** Reads one entry; undefined when there is none. A body that cannot be read is undefined in it. */
  async entry(attemptId: AttemptId): Promise<LedgerEntry | undefined> {
    const found = this.#index.get(attemptId);
    if (found === undefined) return undefined;
    const started = await this.#read(found.started);
    const result = await this.#read(found.result);
    const split = started === undefined ? undefined : splitStarted(started);
    return { attemptId, bootId: split?.bootId, assignment: split?.assignment, result };
  }

  /** Whether the attempt is held. */
  has(attemptId: AttemptId): boolean {
    return this.#index.has(attemptId);
  }

  /** Records that the attempt is about to be prepared. @throws AppError resource_exhausted when the disk is full */
  recordStarted(attemptId: AttemptId, bootId: string, assignment: Uint8Array): Promise<void> {
    const boot = new TextEncoder().encode(bootId);
    const body = new Uint8Array(1 + boot.byteLength + assignment.byteLength);
    body[0] = boot.byteLength;
    body.set(boot, 1);
    body.set(assignment, 1 + boot.byteLength);
    return this.#append({ kind: 'started', attemptId, body });
  }

  /** Records how it ended. @throws AppError resource_exhausted when the disk is full */
  recordResult(attemptId: AttemptId, result: Uint8Array): Promise<void> {
    return this.#append({ kind: 'result', attemptId, body: result });
  }

  /** Records that the attempt may be deleted; not synced, because the orchestrator repeats it. */
  async recordForgotten(attemptId: AttemptId): Promise<void> {
    if (this.#index.has(attemptId)) await this.#append({ kind: 'forgotten', attemptId, body: new Uint8Array() });
  }

  /** Keeps an epoch that is higher than any before, durably. */
  async recordStoreEpoch(epoch: bigint): Promise<void> {
    if (epoch <= this.#highestStoreEpoch) return;
    const body = new Uint8Array(8);
    new DataView(body.buffer).setBigUint64(0, epoch, true);
    await this.#append({ kind: 'epoch', attemptId: undefined, body });
    await this.#file.datasync();
  }

  /** Resolves when something is written that power loss would take. */
  unsynced(signal: AbortSignal): Promise<void> {
    return this.#dirty.wait(signal);
  }

  /** Makes durable what is not, unless it was forgotten meanwhile. */
  async sync(): Promise<void> {
    await this.#writing;
    if (this.#unsynced.size === 0) return;
    this.#unsynced.clear();
    await this.#file.datasync();
  }

  /** Waits for writes and closes. What is not synced survives all but power loss. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  #append(record: JournalRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ record, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  /** Writes what has gathered, a batch per turn, until nothing waits. Never rejects: each record's promise does. */
  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        await this.#writeBatch(batch.map((each) => each.record));
        for (const each of batch) each.resolve();
      } catch (error) {
        for (const each of batch) each.reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #writeBatch(records: readonly JournalRecord[]): Promise<void> {
    const needed = records.reduce((sum, each) => sum + recordBytes(each.body.byteLength), 0);
    if (this.#endPosition + needed > this.#sizeBytes) await this.#compact(needed);
    await this.#file.write(records.flatMap(encodeRecord), this.#endPosition);
    for (const record of records) this.#applyWritten(record);
  }

  #applyWritten(record: JournalRecord): void {
    const bodyPosition = this.#endPosition + recordBytes(0) - 4;
    this.#endPosition += recordBytes(record.body.byteLength);
    if (record.kind === 'epoch') this.#highestStoreEpoch = readEpoch(record.body);
    if (record.attemptId === undefined) return;
    const bodyBytes = record.body.byteLength;
    this.#apply({ kind: record.kind, attemptId: record.attemptId, bodyPosition, bodyBytes, intact: true });
    if (record.kind === 'forgotten') this.#unsynced.delete(record.attemptId);
    else {
      this.#unsynced.add(record.attemptId);
      this.#dirty.notify();
    }
  }

  #load(bytes: Uint8Array): void {
    const scan = scanJournal(bytes);
    for (const record of scan.records) {
      if (record.kind === 'epoch') {
        if (record.intact) this.#highestStoreEpoch = readEpoch(bytes.subarray(record.bodyPosition));
      } else if (isUlid(record.attemptId)) this.#apply(record);
    }
    this.#endPosition = scan.endPosition;
    const damaged = scan.records.filter((each) => !each.intact).map((each) => each.attemptId);
    if (damaged.length > 0 || scan.spoiltStretches > 0) {
      const fields = { path: this.#deps.path, attempts: damaged, unreadable_stretches: scan.spoiltStretches };
      this.#deps.logger.error(
        fields,
        'the ledger is damaged; damaged attempts are reported lost and not started again',
      );
    }
  }

  #apply(record: FoundRecord): void {
    if (record.kind === 'forgotten') {
      this.#index.delete(record.attemptId);
      return;
    }
    const entry = this.#index.get(record.attemptId) ?? { started: undefined, result: undefined };
    const body = record.intact ? { position: record.bodyPosition, bytes: record.bodyBytes } : undefined;
    if (record.kind === 'started') entry.started = body;
    else entry.result = body;
    this.#index.set(record.attemptId, entry);
  }

  async #read(body: Body | undefined): Promise<Uint8Array | undefined> {
    if (body === undefined) return undefined;
    const buffer = new Uint8Array(body.bytes);
    let done = 0;
    while (done < body.bytes) {
      const count = await this.#file.read(buffer.subarray(done), body.position + done);
      if (count === 0) return undefined;
      done += count;
    }
    return buffer;
  }

  async #compactIfPossible(): Promise<void> {
    try {
      await this.#compact(0);
    } catch (error) {
      if (!isAppError(error, 'resource_exhausted')) throw error;
      this.#deps.logger.warn(
        { reason: error.message },
        'the ledger could not be compacted; going on with the old file',
      );
    }
  }

  /** Writes a new journal with what is still held, and room for `neededBytes` more, in place of this one. */
  async #compact(neededBytes: number): Promise<void> {
    const { disk, path } = this.#deps;
    const temporary = `${path}.tmp`;
    const file = await disk.open(temporary, 'truncate');
    try {
      const { index, endPosition } = await this.#copyLive(file);
      // Twice what is held, so that the next compaction is not at once.
      const sizeBytes = Math.max(this.#deps.journalBytes ?? DEFAULT_JOURNAL_BYTES, 2 * (endPosition + neededBytes));
      await file.preallocate(sizeBytes);
      await file.datasync();
      await disk.rename(temporary, path);
      await this.#adopt(file, { index, endPosition, sizeBytes });
    } catch (error) {
      if (file !== this.#file) {
        await file.close();
        await disk.removeTree(temporary);
      }
      throw error;
    }
    await disk.syncDirectory(dirname(path));
  }

  /** From the rename on this is the journal: what is written to the old file is lost with this process. */
  async #adopt(
    file: DiskFile,
    { index, endPosition, sizeBytes }: { index: Map<string, IndexEntry>; endPosition: number; sizeBytes: number },
  ): Promise<void> {
    const old = this.#file;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#endPosition = endPosition;
    this.#unsynced.clear();
    for (const [attemptId, entry] of index) this.#index.set(attemptId, entry);
    await old.close();
  }

  async #copyLive(file: DiskFile): Promise<{ index: Map<string, IndexEntry>; endPosition: number }> {
    const index = new Map<string, IndexEntry>();
    await file.write(encodeHeader(this.ledgerId), 0);
    let endPosition = HEADER_BYTES;
    const put = async (record: JournalRecord): Promise<Body> => {
      await file.write(encodeRecord(record), endPosition);
      const position = endPosition + recordBytes(0) - 4;
      endPosition += recordBytes(record.body.byteLength);
      return { position, bytes: record.body.byteLength };
    };
    if (this.#highestStoreEpoch > 0n)
      await put({ kind: 'epoch', attemptId: undefined, body: epochBody(this.#highestStoreEpoch) });
    for (const [attemptId, entry] of this.#index) {
      const started = await this.#read(entry.started);
      const result = await this.#read(entry.result);
      // A damaged entry is written as a started record with an empty body: it stays held, and stays unreadable.
      const startedBody = await put({ kind: 'started', attemptId, body: started ?? new Uint8Array() });
      const resultBody = result === undefined ? undefined : await put({ kind: 'result', attemptId, body: result });
      index.set(attemptId, { started: startedBody, result: resultBody });
    }
    return { index, endPosition };
  }
}

function epochBody(epoch: bigint): Uint8Array {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setBigUint64(0, epoch, true);
  return body;
}

function readEpoch(body: Uint8Array): bigint {
  return new DataView(body.buffer, body.byteOffset, body.byteLength).getBigUint64(0, true);
}

function splitStarted(body: Uint8Array): { bootId: string; assignment: Uint8Array } | undefined {
  const [bootBytes] = body;
  if (bootBytes === undefined || body.byteLength < 1 + bootBytes) return undefined;
  const bootId = new TextDecoder().decode(body.subarray(1, 1 + bootBytes));
  return { bootId, assignment: body.subarray(1 + bootBytes) };
}
