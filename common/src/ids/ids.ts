/**
 * Ids: 26 character lowercase ULIDs (Crockford base32: 48 bits of milliseconds, 80 random bits), so that they sort by
 * the time they were made. Each kind has a type of its own, so that a node's id cannot be passed where a job's is due.
 */
import type { Clock } from '../clock/clock.ts';
import { AppError } from '../errors/app-error.ts';
import type { Random } from '../random/random.ts';

declare const brand: unique symbol;
type Id<Kind extends string> = string & { readonly [brand]: Kind };

/** Names a job. */
export type JobId = Id<'job'>;
/** Names an attempt. */
export type AttemptId = Id<'attempt'>;
/** Names a node; comes from its certificate only. */
export type NodeId = Id<'node'>;
/** Names one live stream of an agent. */
export type SessionId = Id<'session'>;
/** Names a ledger; made with the state directory. */
export type LedgerId = Id<'ledger'>;
/** Names one start of the agent. */
export type ProcessId = Id<'process'>;
/** Names a join token (not its secret). */
export type JoinTokenId = Id<'join_token'>;
/** Names an API key (not its secret). */
export type ApiKeyId = Id<'api_key'>;

/** Makes fresh ids. */
export interface Ids {
  /** A fresh ULID, greater than every one this maker gave before. */
  next(): string;
}

/** Crockford's alphabet: no i, l, o, u. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 26 characters hold 130 bits; the first is at most 7, so that 128 remain. */
const ULID = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

/** Whether a text is a ULID as we write them (lowercase). */
export function isUlid(text: string): boolean {
  return ULID.test(text);
}

/** Makes ids that grow strictly, also within a millisecond and when the wall clock steps back. */
export function makeIds(clock: Clock, random: Random): Ids {
  let lastMs = -1;
  let tail = new Uint8Array(RANDOM_CHARACTERS);
  const draw = (): Uint8Array<ArrayBuffer> => Uint8Array.from(random.bytes(RANDOM_CHARACTERS), (byte) => byte & 31);
  return {
    next() {
      const nowMs = Math.trunc(clock.nowMs());
      if (nowMs > lastMs) {
        lastMs = nowMs;
        tail = draw();
      } else if (!increment(tail)) {
        lastMs += 1;
        tail = draw();
      }
      return encodeTime(lastMs) + Array.from(tail, letter).join('');
    },
  };
}

/** Adds one to base-32 digits; false when they overflowed. */
function increment(digits: Uint8Array): boolean {
  for (let at = digits.length - 1; at >= 0; at -= 1) {
    const digit = digits[at] ?? 0;
    if (digit < 31) {
      digits[at] = digit + 1;
      return true;
    }
    digits[at] = 0;
  }
  return false;
}

function encodeTime(ms: number): string {
  let rest = ms;
  let text = '';
  for (let at = 0; at < TIME_CHARACTERS; at += 1) {
    text = letter(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function letter(digit: number): string {
  return ALPHABET.charAt(digit);
}

function requireUlid(text: string, field: string): void {
  if (isUlid(text)) return;
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  throw new AppError('invalid_argument', `${JSON.stringify(shown)} is not an id; ids are 26 lowercase characters`, {
    field,
  });
}

/** A job's id. Throws `invalid_argument` naming `field` when the text is none. */
export function asJobId(text: string, field = 'job_id'): JobId {
  requireUlid(text, field);
  return text as JobId;
}

/** An attempt's id. Throws `invalid_argument` naming `field` when the text is none. */
export function asAttemptId(text: string, field = 'attempt_id'): AttemptId {
  requireUlid(text, field);
  return text as AttemptId;
}

/** A node's id. Throws `invalid_argument` naming `field` when the text is none. */
export function asNodeId(text: string, field = 'node_id'): NodeId {
  requireUlid(text, field);
  return text as NodeId;
}

/** A session's id. Throws `invalid_argument` naming `field` when the text is none. */
export function asSessionId(text: string, field = 'session_id'): SessionId {
  requireUlid(text, field);
  return text as SessionId;
}

/** A ledger's id. Throws `invalid_argument` naming `field` when the text is none. */
export function asLedgerId(text: string, field = 'ledger_id'): LedgerId {
  requireUlid(text, field);
  return text as LedgerId;
}

/** The id of one start of the agent. Throws `invalid_argument` naming `field` when the text is none. */
export function asProcessId(text: string, field = 'process_id'): ProcessId {
  requireUlid(text, field);
  return text as ProcessId;
}

/** A join token's id. Throws `invalid_argument` naming `field` when the text is none. */
export function asJoinTokenId(text: string, field = 'join_token_id'): JoinTokenId {
  requireUlid(text, field);
  return text as JoinTokenId;
}

/** An API key's id. Throws `invalid_argument` naming `field` when the text is none. */
export function asApiKeyId(text: string, field = 'api_key_id'): ApiKeyId {
  requireUlid(text, field);
  return text as ApiKeyId;
}
