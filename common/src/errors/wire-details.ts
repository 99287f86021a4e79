/**
 * What an AppError shows to the other side, the same for gRPC and Connect: the field and the retry time travel as two
 * headers beside status and message. Causes never leave, and an `internal` error leaves as an incident number only.
 */
import { AppError } from './app-error.ts';
import type { ErrorCode } from './codes.ts';

/** Header with the field path, percent-encoded (headers are ASCII). */
const FIELD_HEADER = 'muster-error-field';
/** Header with the milliseconds after which a retry makes sense. */
const RETRY_AFTER_HEADER = 'muster-retry-after-ms';

/** Records an internal error (log it with the id) and returns the id that the other side is shown. */
export type ReportIncident = (error: AppError) => string;

/** What may be shown. */
export interface ShownError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
}

/** Decides what the other side sees of anything thrown. */
export function shownError(thrown: unknown, report: ReportIncident): ShownError {
  const error = AppError.from(thrown);
  if (error.code === 'internal') {
    return { code: 'internal', message: `internal error, id ${report(error)}`, headers: [] };
  }
  const headers: [string, string][] = [];
  if (error.field !== undefined) headers.push([FIELD_HEADER, encodeURIComponent(error.field.toWellFormed())]);
  if (error.retryAfterMs !== undefined) headers.push([RETRY_AFTER_HEADER, String(Math.ceil(error.retryAfterMs))]);
  // A lone surrogate in the text (it may quote input) would make grpc-js throw while it encodes the trailer.
  return { code: error.code, message: error.message.toWellFormed(), headers };
}

/** The AppError of what the other side showed. Nothing in it is trusted beyond being text. */
export function errorFromShown(
  code: ErrorCode,
  message: string,
  header: (name: string) => string | undefined,
  cause: unknown,
): AppError {
  const field = decoded(header(FIELD_HEADER));
  const retryAfterMs = Number(header(RETRY_AFTER_HEADER) ?? Number.NaN);
  const prefix = field === undefined ? '' : `${field}: `;
  const raw = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  return new AppError(code, raw, {
    field,
    cause,
    retryAfterMs: Number.isFinite(retryAfterMs) && retryAfterMs >= 0 ? retryAfterMs : undefined,
  });
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
