/**
 * What a failed call means to the user: whether the connection was lost, so that it is worth calling again, and one
 * line that says what to do. The only place that looks into errors of Connect, HTTP/2 and TLS.
 */
import { types } from 'node:util';
import type { AppError } from '@muster/common/errors/app-error';
import { fromConnectError } from '@muster/common/errors/connect-status';

/** What kind of failure a call had. */
export type Failure =
  /** Nothing there answers: not begun, so calling again is safe even for calls that change something. */
  | { readonly kind: 'unreachable'; readonly errno: string }
  /** The connection broke, or the orchestrator is just stopping or starting. */
  | { readonly kind: 'lost'; readonly error: AppError }
  /** The two sides can not agree on TLS. Calling again does not help. */
  | { readonly kind: 'tls'; readonly errno: string; readonly message: string }
  /** The orchestrator said no. */
  | { readonly kind: 'refused'; readonly error: AppError };

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ETIMEDOUT',
  'EACCES',
]);
const BROKEN = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED']);
const CERTIFICATE = /^(?:SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CERT_|ERR_TLS|ERR_SSL|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;

/** Says what kind of failure was thrown by a call that we did not abort ourselves. */
export function failureOf(thrown: unknown): Failure {
  const codes = codesOf(thrown);
  const tls = codes.find((code) => CERTIFICATE.test(code));
  if (tls !== undefined) return { kind: 'tls', errno: tls, message: deepestMessage(thrown) };
  const unreachable = codes.find((code) => UNREACHABLE.has(code));
  if (unreachable !== undefined) return { kind: 'unreachable', errno: unreachable };
  const error = fromConnectError(thrown);
  const isBroken = codes.some((code) => BROKEN.has(code) || code.startsWith('ERR_HTTP2_'));
  // `cancelled` without our doing is how a reset stream looks; `aborted` is connect-node's name for a hang-up.
  const isTransient = error.code === 'unavailable' || error.code === 'aborted' || error.code === 'cancelled';
  return { kind: isBroken || isTransient || isCutShort(error) ? 'lost' : 'refused', error };
}

/** Whether a call may be made again after this failure, for calls that may be repeated. */
export function isWorthRetrying(thrown: unknown): boolean {
  const { kind } = failureOf(thrown);
  return kind === 'lost' || kind === 'unreachable';
}

/** When the orchestrator asked to be called again, in milliseconds; 0: it did not say. */
export function retryAfterMs(thrown: unknown): number {
  const failure = failureOf(thrown);
  return failure.kind === 'lost' ? (failure.error.retryAfterMs ?? 0) : 0;
}

/** One line for the user: what is wrong and what to do. */
export function adviceOn(thrown: unknown, url: string): string {
  const failure = failureOf(thrown);
  switch (failure.kind) {
    case 'unreachable':
      return adviceOnUnreachable(failure.errno, url);
    case 'tls':
      return adviceOnTls(failure.errno, failure.message, url);
    case 'lost':
      return `the connection to ${url} was lost (${failure.error.message}); try again`;
    case 'refused':
      return adviceOnRefusal(failure.error);
  }
}

function adviceOnUnreachable(errno: string, url: string): string {
  const check = 'check --url, MUSTER_URL or url in the configuration file';
  if (errno === 'ECONNREFUSED') return `nothing answers at ${url}: is the orchestrator running? ${check}`;
  if (errno === 'ENOTFOUND') return `the host of ${url} has no address; ${check}`;
  return `cannot reach ${url} (${errno}); check the network, or ${check}`;
}

function adviceOnTls(errno: string, message: string, url: string): string {
  if (errno === 'CERT_HAS_EXPIRED') return `the certificate of ${url} has expired, or this machine's clock is wrong`;
  if (errno === 'CERT_NOT_YET_VALID')
    return `the certificate of ${url} is not valid yet: is this machine's clock right?`;
  if (errno === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the certificate of ${url} is for other names; use a name or address that it was made for (${message})`;
  }
  if (/^(?:ERR_SSL|EPROTO|ERR_TLS)/.test(errno)) {
    return `${url} does not speak our TLS (${errno}): is it the control door's address, and not the agents'?`;
  }
  return (
    `the certificate of ${url} comes from an authority that is not trusted here (${errno}); ` +
    "give the orchestrator's CA file: --ca-file, MUSTER_CA_FILE or ca_file in the configuration file"
  );
}

function adviceOnRefusal(error: AppError): string {
  if (error.code === 'unauthenticated') {
    return `the key was refused (${error.message}); check --token-file, MUSTER_TOKEN_FILE or MUSTER_TOKEN`;
  }
  if (error.code === 'permission_denied') return `${error.message}; use a key with a higher role`;
  return error.message;
}

/**
 * An answer that ends in the middle, without its status or in a message: the other side died while it spoke, and the
 * library calls it a protocol error. Only its text tells (@connectrpc/connect 2: validate-trailer.ts, async-iterable.ts).
 */
function isCutShort(error: AppError): boolean {
  return /^protocol error: (?:missing status|missing output message|incomplete envelope|promised \d+ bytes)/.test(
    error.rawMessage,
  );
}

function codesOf(thrown: unknown): string[] {
  return chainOf(thrown).flatMap((error) => ('code' in error && typeof error.code === 'string' ? [error.code] : []));
}

function deepestMessage(thrown: unknown): string {
  return chainOf(thrown).at(-1)?.message ?? String(thrown);
}

/** Not by instanceof: Node's own errors may come from another realm, as they do in tests. */
function chainOf(thrown: unknown): Error[] {
  const chain: Error[] = [];
  for (let at: unknown = thrown; types.isNativeError(at) && !chain.includes(at); at = at.cause) chain.push(at);
  return chain;
}
