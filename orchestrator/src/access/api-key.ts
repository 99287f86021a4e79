// The text of an API key: `muster_<id>_<secret>_<crc32>`. The prefix lets secret scanners find leaked keys, the checksum
// lets them (and us) tell a key from its look-alikes without asking anybody. One word for a double click.
import { crc32 } from 'node:zlib';
import { type ApiKeyId, asApiKeyId, isUlid } from '@muster/common/ids/ids';
import type { Random } from '@muster/common/random/random';

/** 192 bits can not be guessed; hex, because base64url breaks at a double click. */
const SECRET_BYTES = 24;
const SHAPE = /^(muster_([0-9a-z]{26})_([0-9a-f]{48}))_([0-9a-f]{8})$/;

/** What a key's text says. */
export interface ApiKeyText {
  readonly id: ApiKeyId;
  /** Never logged. */
  readonly secret: string;
}

/** A fresh secret. */
export function newApiKeySecret(random: Random): string {
  return Buffer.from(random.bytes(SECRET_BYTES)).toString('hex');
}

/** The key's text. */
export function formatApiKey(key: ApiKeyText): string {
  const body = `muster_${key.id}_${key.secret}`;
  return `${body}_${checksum(body)}`;
}

/** What a text says, undefined when it is no key. */
export function parseApiKey(text: string): ApiKeyText | undefined {
  const [, body, id, secret, sum] = SHAPE.exec(text) ?? [];
  if (body === undefined || id === undefined || secret === undefined) return undefined;
  if (!isUlid(id) || sum !== checksum(body)) return undefined;
  return { id: asApiKeyId(id), secret };
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}
