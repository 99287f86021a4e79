/** Durations as people write them, `1h30m`, and as we count them, in milliseconds. */
import { AppError } from '../errors/app-error.ts';

const UNITS: ReadonlyArray<readonly [unit: string, ms: number]> = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|d|h|m|s))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|d|h|m|s)/g;

/**
 * Milliseconds of `90s`, `1h30m`, `250ms`, `1.5s`, `2d` or `0`. Never negative, whole milliseconds.
 * @throws AppError invalid_argument, also for a number without a unit
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  if (!WHOLE.test(trimmed)) {
    throw new AppError(
      'invalid_argument',
      `${JSON.stringify(text)} is not a duration; write a number and a unit (ms, s, m, h, d), such as 90s or 1h30m`,
    );
  }
  let ms = 0;
  for (const [, count, unit] of trimmed.matchAll(PART)) ms += Number(count) * unitMs(unit);
  const whole = Math.round(ms);
  if (!Number.isSafeInteger(whole)) {
    throw new AppError('invalid_argument', `${JSON.stringify(text)} is longer than can be counted`);
  }
  return whole;
}

function unitMs(unit: string | undefined): number {
  return UNITS.find(([name]) => name === unit)?.[1] ?? 0;
}

/** `1h30m` for 5 400 000; exact, so that parsing gives the same. Fractions of a millisecond are rounded. */
export function printDuration(ms: number): string {
  let rest = Math.round(Math.abs(ms));
  if (rest === 0) return '0s';
  let text = ms < 0 ? '-' : '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
