/**
 * The join token: one string that is all an agent needs to enrol. It names where to enrol, the digest of the one
 * authority to trust there, and the secret that lets the machine in. Made by the orchestrator, read by the agent, and
 * again by the orchestrator when it comes back.
 *
 * Form: `muster1.<payload>.<crc32>`, safe in URLs and shells; payload is base64url of a small JSON object. The checksum
 * is against cut or mistyped pastes only: what protects the token is its secret.
 */
import { crc32 } from 'node:zlib';
import { AppError } from '../errors/app-error.ts';
import { asJoinTokenId, isUlid, type JoinTokenId } from '../ids/ids.ts';

/** What a join token says. */
export interface JoinToken {
  /** Where the control door is, `host:port`, in order of preference; at least one. */
  readonly addresses: readonly string[];
  /** SHA-256 of the authority's certificate (DER), lowercase hex: trust this one and no other. */
  readonly caSha256: string;
  /** The token's id, which is no secret. */
  readonly tokenId: JoinTokenId;
  /** The secret, base64url. Never logged. */
  readonly secret: string;
}

const PREFIX = 'muster1';
/** Sixteen addresses of 64 characters fit many times; nothing that is longer was ever made by us. */
const LONGEST_TOKEN = 4096;
const SHAPE = /^muster1\.([A-Za-z0-9_-]+)\.([0-9a-f]{8})$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;
/** From 16 bytes up: fewer could be guessed. */
const SECRET = /^[A-Za-z0-9_-]{22,128}$/;
const ADDRESS = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$/;

/** The token's text. */
export function formatJoinToken(token: JoinToken): string {
  const payload = Buffer.from(
    JSON.stringify({
      a: token.addresses,
      c: Buffer.from(token.caSha256, 'hex').toString('base64url'),
      i: token.tokenId,
      s: token.secret,
    }),
  ).toString('base64url');
  return `${PREFIX}.${payload}.${checksum(payload)}`;
}

/**
 * Reads a token's text. White space is taken out first: terminals and mail programs break long lines.
 * @throws AppError invalid_argument naming `join_token`; the text itself is never repeated
 */
export function parseJoinToken(text: string): JoinToken {
  const compact = text.replace(/\s+/g, '');
  if (compact === '') throw malformed('is empty');
  if (compact.length > LONGEST_TOKEN) throw malformed(`is longer than ${LONGEST_TOKEN} characters`);
  if (!compact.startsWith(`${PREFIX}.`)) throw malformed(`does not begin with "${PREFIX}."`);
  const [, payload, sum] = SHAPE.exec(compact) ?? [];
  if (payload === undefined || sum !== checksum(payload)) throw malformed('is cut or mistyped (its checksum differs)');
  const token = tokenOf(jsonOf(payload));
  if (token === undefined) throw malformed('does not hold what a join token holds');
  return token;
}

function malformed(what: string): AppError {
  return new AppError('invalid_argument', `${what}; copy the whole line that \`muster token create\` prints`, {
    field: 'join_token',
  });
}

function checksum(payload: string): string {
  return crc32(`${PREFIX}.${payload}`).toString(16).padStart(8, '0');
}

function jsonOf(payload: string): unknown {
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

function tokenOf(value: unknown): JoinToken | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('a' in value && 'c' in value && 'i' in value && 's' in value)) return undefined;
  const { a: addresses, c: digest, i: id, s: secret } = value;
  if (typeof digest !== 'string' || typeof id !== 'string' || typeof secret !== 'string') return undefined;
  const caSha256 = Buffer.from(digest, 'base64url').toString('hex');
  if (!isAddressList(addresses) || !SHA256_HEX.test(caSha256) || !isUlid(id) || !SECRET.test(secret)) return undefined;
  return { addresses, caSha256, tokenId: asJoinTokenId(id), secret };
}

function isAddressList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string' && ADDRESS.test(each))
  );
}
