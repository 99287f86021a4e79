/** What values look like in logs: secrets masked by the name of their key, big integers as text, errors with causes. */
import { AppError, errorChain, isError } from '../errors/app-error.ts';

/** Keys that end in one of these words hold a secret (`joinToken`, `authorization`, `api_key`, `keyPem`). */
const SECRET_KEY = /(token|secret|authorization|password|key)(_?pem)?$/i;
const MASK = '[redacted]';
/** Deeper values are cut: a log line is no dump, and a cycle must end. */
const DEEPEST = 6;

/** A copy of the fields of a log line that is safe to write. */
export function shownForLogs(fields: object): Record<string, unknown> {
  return shownRecord(fields, 0);
}

function shownRecord(fields: object, depth: number): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    shown[key] = SECRET_KEY.test(key) && value !== undefined && value !== null ? MASK : shownValue(value, depth + 1);
  }
  return shown;
}

function shownValue(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (isError(value)) return shownError(value);
  if (value instanceof Date) return value;
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (depth >= DEEPEST) return '[deeper]';
  if (Array.isArray(value)) return value.map((each) => shownValue(each, depth + 1));
  return shownRecord(value, depth);
}

function shownError(error: Error): Record<string, unknown> {
  const code = error instanceof AppError ? { code: error.code } : {};
  return { ...code, chain: errorChain(error), stack: error.stack };
}
