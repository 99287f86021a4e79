/**
 * Scalars of the contract as ours: 64-bit numbers, times and durations. Everything that comes in is checked; the error
 * names the field.
 */
import { type Duration, durationFromMs, type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AppError } from '@muster/common/errors/app-error';

/** A 64-bit number as a plain one. Throws `invalid_argument` above 2^53 - 1, which no size or offset of ours reaches. */
export function toSafeInteger(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new AppError('invalid_argument', `${value} is out of range; the largest is ${Number.MAX_SAFE_INTEGER}`, {
    field,
  });
}

/** Milliseconds since the epoch as a timestamp; fractions of a millisecond are dropped. */
export function toTimestamp(epochMs: number): Timestamp {
  return timestampFromMs(Math.trunc(epochMs));
}

/** A timestamp as milliseconds since the epoch, rounded down. Throws `invalid_argument` when it is no valid one. */
export function fromTimestamp(value: Timestamp, field: string): number {
  const seconds = toSafeInteger(value.seconds, `${field}.seconds`);
  if (Math.abs(seconds) > LARGEST_SECONDS) {
    throw new AppError('invalid_argument', `${seconds} s is no time between the years 1 and 9999`, { field });
  }
  if (value.nanos < 0 || value.nanos > 999_999_999) {
    throw new AppError('invalid_argument', `nanos are 0 to 999999999, not ${value.nanos}`, { field });
  }
  return seconds * 1000 + Math.floor(value.nanos / 1_000_000);
}

/** Year 9999 in seconds since the epoch, where google.protobuf.Timestamp ends; as far back it is laxer, which harms nothing. */
const LARGEST_SECONDS = 253_402_300_799;

/** Milliseconds as a duration; fractions of a millisecond are dropped. */
export function toDuration(ms: number): Duration {
  return durationFromMs(Math.trunc(ms));
}

/** A duration as milliseconds, at least 0. Throws `invalid_argument` for a negative or overlong one. */
export function fromDuration(value: Duration, field: string): number {
  const seconds = toSafeInteger(value.seconds, `${field}.seconds`);
  const ms = seconds * 1000 + value.nanos / 1_000_000;
  if (!Number.isSafeInteger(seconds * 1000) || ms < 0) {
    throw new AppError('invalid_argument', 'a duration is 0 s or more', { field });
  }
  return ms;
}
