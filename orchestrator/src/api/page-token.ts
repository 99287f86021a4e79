// Page tokens: where a list goes on, sealed for the method and conditions it was made with, so that a token from another
// list (or from nowhere) is an error and not a wrong page.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '@muster/common/disk/atomic-write';
import type { Disk } from '@muster/common/disk/disk';
import { AppError } from '@muster/common/errors/app-error';
import type { Random } from '@muster/common/random/random';

/** 128 bits of the HMAC can not be forged, and keep tokens short. */
const SEAL_BYTES = 16;
const KEY_BYTES = 32;
/** A cursor is an id or a name; nothing longer was made by us. */
const LONGEST_TOKEN = 1024;

/** Makes and opens page tokens. */
export interface PageTokens {
  /** `conditions` is anything that identifies the list, in a fixed order: method first, then its filters. */
  seal(cursor: string, conditions: readonly string[]): string;
  /** The cursor; undefined for an empty token. Throws invalid_argument naming `page_token`. */
  open(token: string, conditions: readonly string[]): string | undefined;
}

/** Page tokens under a key. */
export function pageTokens(key: Uint8Array): PageTokens {
  const sealOf = (cursor: string, conditions: readonly string[]): Buffer =>
    createHmac('sha256', key)
      .update(JSON.stringify([cursor, ...conditions]))
      .digest()
      .subarray(0, SEAL_BYTES);
  return {
    seal: (cursor, conditions) =>
      Buffer.concat([sealOf(cursor, conditions), Buffer.from(cursor)]).toString('base64url'),
    open(token, conditions) {
      if (token === '') return undefined;
      const bytes = Buffer.from(token.slice(0, LONGEST_TOKEN), 'base64url');
      const cursor = bytes.subarray(SEAL_BYTES).toString('utf8');
      const seal = bytes.subarray(0, SEAL_BYTES);
      if (seal.byteLength === SEAL_BYTES && timingSafeEqual(seal, sealOf(cursor, conditions))) return cursor;
      throw new AppError(
        'invalid_argument',
        'is not from a list with these conditions; begin again without it, and change nothing but page_size between pages',
        { field: 'page_token' },
      );
    },
  };
}

/** The key of page tokens, made at the first start and kept, so that a list goes on after a restart. */
export async function openPageTokenKey(disk: Disk, dataDirectory: string, random: Random): Promise<Uint8Array> {
  const path = join(dataDirectory, 'pki', 'page-token.key');
  const present = await disk.readFile(path);
  if (present?.byteLength === KEY_BYTES) return present;
  const key = random.bytes(KEY_BYTES);
  await disk.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(disk, path, key, 0o600);
  return key;
}

/** What identifies a list, whatever the order of its filters: maps have none on the wire, and some clients send them shuffled. */
export function listConditions(
  method: string,
  states: readonly string[],
  matchLabels: Readonly<Record<string, string>>,
): readonly string[] {
  const labels = Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1));
  return [method, ...[...new Set(states)].sort(), JSON.stringify(labels)];
}

/** How many to list: 0 means 100, more than 1000 means 1000. */
export function pageSizeOf(asked: number): number {
  return asked === 0 ? 100 : Math.min(asked, 1000);
}
