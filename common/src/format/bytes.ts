/** Sizes as people write them, `512MiB`, and as we count them, in bytes. */
import { AppError } from '../errors/app-error.ts';

const UNITS = new Map<string, number>([
  ['', 1],
  ['b', 1],
  ['k', 1024],
  ['kib', 1024],
  ['m', 1024 ** 2],
  ['mib', 1024 ** 2],
  ['g', 1024 ** 3],
  ['gib', 1024 ** 3],
  ['t', 1024 ** 4],
  ['tib', 1024 ** 4],
  ['kb', 1000],
  ['mb', 1000 ** 2],
  ['gb', 1000 ** 3],
  ['tb', 1000 ** 4],
]);
const SHAPE = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i;
const PRINTED: ReadonlyArray<readonly [unit: string, bytes: number]> = [
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
];

/**
 * Bytes of `512MiB`, `1.5GiB`, `64K`, `1GB` (decimal) or a bare number. Never negative, whole bytes.
 * @throws AppError invalid_argument
 */
export function parseBytes(text: string): number {
  const [, count, unit] = SHAPE.exec(text.trim()) ?? [];
  const size = unit === undefined ? undefined : UNITS.get(unit.toLowerCase());
  const bytes = size === undefined ? Number.NaN : Math.round(Number(count) * size);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new AppError(
    'invalid_argument',
    `${JSON.stringify(text)} is not a size; write a number and a unit (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB), such as 512MiB`,
  );
}

/** For people: `1.5GiB`, `512MiB`, `12B`; one decimal at most, so parsing may give a little less or more. */
export function printBytes(bytes: number): string {
  for (const [unit, size] of PRINTED) {
    if (bytes >= size) return `${trimZero((bytes / size).toFixed(1))}${unit}`;
  }
  return `${bytes}B`;
}

/** For files: the largest unit that divides the size, so that parsing gives the same. */
export function printBytesExactly(bytes: number): string {
  for (const [unit, size] of PRINTED) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}

function trimZero(text: string): string {
  return text.endsWith('.0') ? text.slice(0, -2) : text;
}
