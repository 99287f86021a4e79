/**
 * The one failure class. Failures are thrown, expected outcomes are returned as unions. A message says what is wrong
 * and what to do, the field says where; the cause is for our logs and never leaves the process.
 */
import type { ErrorCode } from './codes.ts';

/** What an AppError may carry beside code and message. */
export interface AppErrorOptions {
  /** Path of the offending input, for example `spec.process.argv[0]`. Shown before the message. */
  readonly field?: string | undefined;
  /** What was caught. Logged, never sent. */
  readonly cause?: unknown;
  /** When a retry makes sense, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
}

/** A failure with a code from the one table. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  /** Path of the offending input; undefined where the failure is not about one. */
  readonly field: string | undefined;
  /** When a retry makes sense, in milliseconds; undefined where nothing is known. */
  readonly retryAfterMs: number | undefined;
  /** The message without the field path before it. */
  readonly rawMessage: string;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(
      options.field === undefined ? message : `${options.field}: ${message}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
    this.rawMessage = message;
  }

  /**
   * Makes an AppError of anything caught; an AppError is returned as it is. An abort becomes `cancelled`, a timeout
   * `deadline_exceeded`, a broken network `unavailable`, everything else `internal`; the thrown value is the cause.
   * @param fallbackMessage put before the text of what was caught: what we were doing, "cannot read the ledger"
   */
  static from(thrown: unknown, fallbackMessage?: string): AppError {
    if (thrown instanceof AppError) return thrown;
    const text = isError(thrown) ? thrown.message : String(thrown);
    const message = fallbackMessage === undefined ? text : `${fallbackMessage}: ${text}`;
    return new AppError(codeOfThrown(thrown), message, { cause: thrown });
  }
}

/**
 * Whether something caught is an error. By shape, not by `instanceof`: what Node's own modules throw comes from another
 * realm when code runs in a vm context, as tests do.
 */
export function isError(thrown: unknown): thrown is Error {
  return typeof thrown === 'object' && thrown !== null && 'message' in thrown && 'name' in thrown;
}

/** Whether something caught is an AppError, and has this code if one is given. */
export function isAppError(thrown: unknown, code?: ErrorCode): thrown is AppError {
  return thrown instanceof AppError && (code === undefined || thrown.code === code);
}

/** The text code that Node puts on errors of the system and its own (`ENOENT`, `ABORT_ERR`), where there is one. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!isError(thrown) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** One line for logs: the messages of an error and all its causes, joined errors included, outermost first. */
export function errorChain(thrown: unknown): string {
  const parts: string[] = [];
  let at: unknown = thrown;
  // 16 links: deeper chains are cycles made by mistake.
  for (let depth = 0; at !== undefined && depth < 16; depth += 1) {
    parts.push(describeLink(at));
    at = isError(at) ? at.cause : undefined;
  }
  return parts.join(' <- ');
}

function describeLink(link: unknown): string {
  if (!isError(link)) return String(link);
  const code = link instanceof AppError ? link.code : (errnoOf(link) ?? link.name);
  const joined = link instanceof AggregateError ? ` [${link.errors.map((each) => errorChain(each)).join('; ')}]` : '';
  return `${code}: ${link.message}${joined}`;
}

const networkErrnos: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

function codeOfThrown(thrown: unknown): ErrorCode {
  if (!isError(thrown)) return 'internal';
  if (thrown.name === 'AbortError') return 'cancelled';
  if (thrown.name === 'TimeoutError') return 'deadline_exceeded';
  const errno = errnoOf(thrown);
  return errno !== undefined && networkErrnos.has(errno) ? 'unavailable' : 'internal';
}
