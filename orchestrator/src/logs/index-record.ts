/**
 * One record of a log's index, 40 bytes, little-endian:
 *
 *   0 kind (1 data, 2 gap)   1 stream (1 stdout, 2 stderr)   2 reason of a gap   3 flags   4 CRC-32 of the data
 *   8 start offset   16 end offset   24 observed time, ms since the epoch   32 zero   36 CRC-32 of bytes 0 to 35
 *
 * Flag 1 (settled): all records before this one were on the medium when it was written. After a crash the data of the
 * last record that has the flag and of those after it are in doubt, and no others.
 */
import { crc32 } from 'node:zlib';
import type { OutputStreamName } from '../domain/job.ts';
import type { GapReasonName, LogPiece, LogRecord } from './log-store.ts';

/** Size of a record. */
export const RECORD_BYTES = 40;

const KINDS = { data: 1, gap: 2 } as const;
const STREAMS = { stdout: 1, stderr: 2 } as const satisfies Record<OutputStreamName, number>;
const REASONS = [
  'unspecified',
  'spool_full',
  'disk_error',
  'file_gone',
  'node_rebooted',
] as const satisfies GapReasonName[];
const SETTLED = 1;
const CHECKED_BYTES = 36;

/** A record as it stands in the file. */
export interface IndexRecord extends LogRecord {
  /** CRC-32 of the data; 0 for a gap. */
  readonly dataCrc: number;
  /** Everything before it was durable when it was written. */
  readonly settled: boolean;
}

/** Writes a piece's record at `at`. */
export function encodeRecord(target: Buffer, at: number, piece: LogPiece, settled: boolean): void {
  const lengthBytes = piece.kind === 'data' ? piece.data.byteLength : piece.lengthBytes;
  target.fill(0, at, at + RECORD_BYTES);
  target.writeUInt8(KINDS[piece.kind], at);
  target.writeUInt8(STREAMS[piece.stream], at + 1);
  target.writeUInt8(piece.kind === 'gap' ? REASONS.indexOf(piece.reason) : 0, at + 2);
  target.writeUInt8(settled ? SETTLED : 0, at + 3);
  target.writeUInt32LE(piece.kind === 'data' ? crc32(piece.data) : 0, at + 4);
  target.writeBigUInt64LE(BigInt(piece.startBytes), at + 8);
  target.writeBigUInt64LE(BigInt(piece.startBytes + lengthBytes), at + 16);
  target.writeBigUInt64LE(BigInt(Math.max(0, Math.trunc(piece.observedAtMs))), at + 24);
  target.writeUInt32LE(crc32(target.subarray(at, at + CHECKED_BYTES)), at + CHECKED_BYTES);
}

/** Reads the record at `at`; undefined when it is torn or makes no sense. */
export function decodeRecord(source: Buffer, at: number): IndexRecord | undefined {
  if (at + RECORD_BYTES > source.byteLength) return undefined;
  if (source.readUInt32LE(at + CHECKED_BYTES) !== crc32(source.subarray(at, at + CHECKED_BYTES))) return undefined;
  const kind = source.readUInt8(at);
  const stream = source.readUInt8(at + 1);
  const startBytes = Number(source.readBigUInt64LE(at + 8));
  const endBytes = Number(source.readBigUInt64LE(at + 16));
  if ((kind !== 1 && kind !== 2) || (stream !== 1 && stream !== 2) || endBytes <= startBytes) return undefined;
  return {
    kind: kind === KINDS.data ? 'data' : 'gap',
    stream: stream === STREAMS.stdout ? 'stdout' : 'stderr',
    reason: REASONS[source.readUInt8(at + 2)] ?? 'unspecified',
    settled: (source.readUInt8(at + 3) & SETTLED) !== 0,
    dataCrc: source.readUInt32LE(at + 4),
    startBytes,
    endBytes,
    observedAtMs: Number(source.readBigUInt64LE(at + 24)),
  };
}
