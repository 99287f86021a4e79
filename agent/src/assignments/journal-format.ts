/**
 * The bytes of the ledger's journal. A header, then records one after another, then zeros (the file is preallocated).
 *
 *   header   "MUSTERL1" | ledger id, 26 | crc32 of both, 4
 *   record   "MREC" | kind, 1 | attempt id, 26 | body length, 4 | crc32 of kind..length, 4 | body | crc32 of body, 4
 *
 * The head has a checksum of its own, so that a record with a spoilt body still says whose it is and where the next
 * begins. Numbers are little endian.
 */
import { crc32 } from 'node:zlib';

/** What a record says. `epoch` is about the node and has an empty attempt id. */
const recordKinds = { started: 1, result: 2, forgotten: 3, epoch: 4 } as const;
/** What a record says, by name. */
export type RecordKind = keyof typeof recordKinds;

const MAGIC = Buffer.from('MUSTERL1');
const RECORD_MAGIC = Buffer.from('MREC');
const ID_BYTES = 26;
const NO_ID = '0'.repeat(ID_BYTES);

/** Bytes of the header. */
export const HEADER_BYTES = MAGIC.length + ID_BYTES + 4;
/** Bytes before a record's body. */
const RECORD_HEAD_BYTES = RECORD_MAGIC.length + 1 + ID_BYTES + 4 + 4;
/** Bytes after a record's body. */
const RECORD_TAIL_BYTES = 4;
/** A frame is at most 4 MiB, so no assignment is longer; a length beyond it is spoilt. */
const LONGEST_BODY_BYTES = 4 * 1024 * 1024;

/** A record as it is written. */
export interface JournalRecord {
  readonly kind: RecordKind;
  /** Undefined for `epoch`. */
  readonly attemptId: string | undefined;
  readonly body: Uint8Array;
}

/** A record as it was found. */
export interface FoundRecord {
  readonly kind: RecordKind;
  readonly attemptId: string;
  /** Where the body begins in the file, and how long it is. */
  readonly bodyPosition: number;
  readonly bodyBytes: number;
  /** False: the body's checksum differs. */
  readonly intact: boolean;
}

/** All that a journal's bytes say. */
export interface JournalScan {
  readonly records: readonly FoundRecord[];
  /** Where the next record goes. */
  readonly endPosition: number;
  /** Stretches in the middle that are no record: somebody's records are gone. A torn last record is not counted. */
  readonly spoiltStretches: number;
}

/** Bytes that a record takes in the file. */
export function recordBytes(bodyBytes: number): number {
  return RECORD_HEAD_BYTES + bodyBytes + RECORD_TAIL_BYTES;
}

/** The header of a journal. */
export function encodeHeader(ledgerId: string): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.write(ledgerId, MAGIC.length, 'latin1');
  header.writeUInt32LE(crc32(header.subarray(0, MAGIC.length + ID_BYTES)), MAGIC.length + ID_BYTES);
  return header;
}

/** The ledger id in a header; undefined when it is not one of ours or spoilt. */
export function decodeHeader(bytes: Uint8Array): string | undefined {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header.length < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const sum = header.readUInt32LE(MAGIC.length + ID_BYTES);
  if (sum !== crc32(header.subarray(0, MAGIC.length + ID_BYTES))) return undefined;
  return header.toString('latin1', MAGIC.length, MAGIC.length + ID_BYTES);
}

/** A record in parts: head, body (not copied), tail. */
export function encodeRecord(record: JournalRecord): readonly Uint8Array[] {
  const head = Buffer.alloc(RECORD_HEAD_BYTES);
  RECORD_MAGIC.copy(head);
  head[RECORD_MAGIC.length] = recordKinds[record.kind];
  head.write(record.attemptId ?? NO_ID, RECORD_MAGIC.length + 1, 'latin1');
  head.writeUInt32LE(record.body.byteLength, RECORD_HEAD_BYTES - 8);
  head.writeUInt32LE(crc32(head.subarray(RECORD_MAGIC.length, RECORD_HEAD_BYTES - 4)), RECORD_HEAD_BYTES - 4);
  const tail = Buffer.alloc(RECORD_TAIL_BYTES);
  tail.writeUInt32LE(crc32(record.body));
  return [head, record.body, tail];
}

/** Finds all records of a whole journal file. */
export function scanJournal(bytes: Uint8Array): JournalScan {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: FoundRecord[] = [];
  let endPosition = HEADER_BYTES;
  let spoiltStretches = 0;
  for (let at = file.indexOf(RECORD_MAGIC, HEADER_BYTES); at >= 0; ) {
    const found = recordAt(file, at);
    if (found === undefined) {
      at = file.indexOf(RECORD_MAGIC, at + 1);
      continue;
    }
    if (at !== endPosition) spoiltStretches += 1;
    records.push(found);
    endPosition = at + recordBytes(found.bodyBytes);
    at = file.indexOf(RECORD_MAGIC, endPosition);
  }
  return withoutTornTail(file, { records, endPosition, spoiltStretches });
}

/** A last record whose body was not wholly written is none: nothing was acknowledged on the strength of it. */
function withoutTornTail(file: Buffer, scan: JournalScan): JournalScan {
  const last = scan.records.at(-1);
  if (last === undefined || last.intact) return scan;
  const position = last.bodyPosition - RECORD_HEAD_BYTES;
  const tail = file.subarray(
    last.bodyPosition + last.bodyBytes,
    last.bodyPosition + last.bodyBytes + RECORD_TAIL_BYTES,
  );
  // A write stops somewhere, so of a torn record the last byte is missing; one that has it was spoilt later.
  if (tail.length === RECORD_TAIL_BYTES && tail[RECORD_TAIL_BYTES - 1] !== 0) return scan;
  return { ...scan, records: scan.records.slice(0, -1), endPosition: position };
}

function recordAt(file: Buffer, at: number): FoundRecord | undefined {
  if (at + RECORD_HEAD_BYTES > file.length) return undefined;
  const head = file.subarray(at + RECORD_MAGIC.length, at + RECORD_HEAD_BYTES - 4);
  if (file.readUInt32LE(at + RECORD_HEAD_BYTES - 4) !== crc32(head)) return undefined;
  const kind = kindOf(head[0]);
  const bodyBytes = head.readUInt32LE(1 + ID_BYTES);
  if (kind === undefined || bodyBytes > LONGEST_BODY_BYTES) return undefined;
  const bodyPosition = at + RECORD_HEAD_BYTES;
  const body = file.subarray(bodyPosition, bodyPosition + bodyBytes);
  const tail = file.subarray(bodyPosition + bodyBytes, bodyPosition + bodyBytes + RECORD_TAIL_BYTES);
  const intact = tail.length === RECORD_TAIL_BYTES && tail.readUInt32LE() === crc32(body);
  return { kind, attemptId: head.toString('latin1', 1, 1 + ID_BYTES), bodyPosition, bodyBytes, intact };
}

function kindOf(code: number | undefined): RecordKind | undefined {
  if (code === recordKinds.started) return 'started';
  if (code === recordKinds.result) return 'result';
  if (code === recordKinds.forgotten) return 'forgotten';
  return code === recordKinds.epoch ? 'epoch' : undefined;
}
