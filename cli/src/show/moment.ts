/** Times and durations of the contract as people read them. */
import { type Duration, durationMs, type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { printDuration } from '@muster/common/format/duration';

/** `2026-03-01 12:00:00Z`; `-`: unset. */
export function showTime(time: Timestamp | undefined): string {
  if (time === undefined) return '-';
  const at = new Date(timestampMs(time));
  if (Number.isNaN(at.getTime())) return 'unknown';
  return `${at.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

const LARGEST_UNITS: ReadonlyArray<readonly [unit: string, ms: number]> = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/** `5m`: how long ago, in its largest unit; `-`: unset. Clocks differ, so the future counts as now. */
export function showAge(time: Timestamp | undefined, nowMs: number): string {
  if (time === undefined) return '-';
  const ms = Math.max(0, nowMs - timestampMs(time));
  const [unit, size] = LARGEST_UNITS.find(([, each]) => ms >= each) ?? ['s', 1_000];
  return `${Math.floor(ms / size)}${unit}`;
}

/** `1m3s`, `15ms`; `-`: unset. */
export function showDuration(duration: Duration | undefined): string {
  return duration === undefined ? '-' : printDuration(durationMs(duration));
}

/** The time between two moments; `-` if one is unset. */
export function showBetween(from: Timestamp | undefined, to: Timestamp | undefined): string {
  if (from === undefined || to === undefined) return '-';
  return printDuration(Math.max(0, timestampMs(to) - timestampMs(from)));
}
