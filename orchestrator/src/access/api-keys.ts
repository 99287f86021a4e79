// API keys in use: made, listed, revoked, and asked for on every call of the control door. Keys that were seen are kept in
// memory so that a call costs no store read; a revocation takes effect before it is answered, on open streams too.
import type { Clock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';
import { type ApiKeyId, asApiKeyId, type Ids } from '@muster/common/ids/ids';
import type { Random } from '@muster/common/random/random';
import { sameSecretSha256, secretSha256 } from '../pki/secret-hash.ts';
import type { AccessStore, ApiKeyRecord, KeyRole } from './access-store.ts';
import { formatApiKey, newApiKeySecret, parseApiKey } from './api-key.ts';

/** Who calls. */
export interface Principal {
  readonly id: ApiKeyId;
  readonly name: string;
  readonly role: KeyRole;
  /** Aborts when the key is revoked: what is still being answered ends. */
  readonly revoked: AbortSignal;
}

/** The reason is for the log; the caller is told one text for all. */
export type Authentication =
  | { readonly kind: 'known'; readonly principal: Principal }
  | { readonly kind: 'refused'; readonly reason: 'missing' | 'malformed' | 'unknown' | 'revoked' };

/** What keys need. */
export interface ApiKeysDeps {
  readonly store: AccessStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
}

interface Seen {
  readonly secretSha256: string;
  readonly principal: Principal;
  readonly revoke: AbortController;
}

const KEY_NAME = /^[a-z0-9._-]{1,63}$/;

/** The keys of one orchestrator. */
export class ApiKeys {
  readonly #deps: ApiKeysDeps;
  // Holds keys that proved to be good, so it is bounded by what administrators made, not by what strangers try.
  readonly #seen = new Map<ApiKeyId, Seen>();
  #revocations = 0;

  constructor(deps: ApiKeysDeps) {
    this.#deps = deps;
  }

  /** Who sends this `authorization` header. Never throws for what is in it; store failures are thrown. */
  async authenticate(authorization: string | undefined): Promise<Authentication> {
    if (authorization === undefined || authorization === '') return { kind: 'refused', reason: 'missing' };
    const [, bearer] = /^bearer +(\S+) *$/i.exec(authorization) ?? [];
    const key = bearer === undefined ? undefined : parseApiKey(bearer);
    if (key === undefined) return { kind: 'refused', reason: 'malformed' };
    const sha256 = secretSha256(key.secret);
    const seen = this.#seen.get(key.id);
    if (seen === undefined) return await this.#lookUp(key.id, sha256);
    if (!sameSecretSha256(seen.secretSha256, sha256)) return { kind: 'refused', reason: 'unknown' };
    return { kind: 'known', principal: seen.principal };
  }

  /**
   * Makes a key and returns its text, which is kept nowhere.
   * @throws AppError invalid_argument naming `name`
   */
  async create(name: string, role: KeyRole): Promise<{ readonly text: string; readonly record: ApiKeyRecord }> {
    if (!KEY_NAME.test(name)) {
      throw new AppError('invalid_argument', 'must be 1 to 63 of a-z, 0-9, dot, dash and underscore', {
        field: 'name',
      });
    }
    const made = this.draft(name, role);
    await this.#deps.store.createKey(made.record);
    return made;
  }

  /** A key that is not stored yet. For the first one, whose file must be there before it counts. */
  draft(name: string, role: KeyRole): { readonly text: string; readonly record: ApiKeyRecord } {
    const { clock, random, ids } = this.#deps;
    const id = asApiKeyId(ids.next());
    const secret = newApiKeySecret(random);
    return {
      text: formatApiKey({ id, secret }),
      record: { id, name, role, secretSha256: secretSha256(secret), createdAtMs: clock.nowMs(), revoked: false },
    };
  }

  /** Newest first, after `after`. */
  list(limit: number, after: ApiKeyId | undefined): Promise<readonly ApiKeyRecord[]> {
    return this.#deps.store.listKeys(limit, after);
  }

  /**
   * Makes a key worthless: for new calls and for streams that are open.
   * @throws AppError not_found; failed_precondition for the last admin key
   */
  async revoke(id: ApiKeyId): Promise<ApiKeyRecord> {
    const result = await this.#deps.store.revokeKey(id);
    if (result.kind === 'not_found') throw new AppError('not_found', `no API key has the id ${id}`);
    if (result.kind === 'last_admin') {
      throw new AppError('failed_precondition', 'this is the last admin key; make another one before you revoke it');
    }
    this.#revocations += 1;
    const seen = this.#seen.get(id);
    this.#seen.delete(id);
    seen?.revoke.abort(new AppError('unauthenticated', 'the API key was revoked'));
    return result.key;
  }

  async #lookUp(id: ApiKeyId, sha256: string): Promise<Authentication> {
    for (;;) {
      const revocations = this.#revocations;
      const record = await this.#deps.store.findKey(id);
      if (record === undefined || !sameSecretSha256(record.secretSha256, sha256)) {
        return { kind: 'refused', reason: 'unknown' };
      }
      if (record.revoked) return { kind: 'refused', reason: 'revoked' };
      // A revocation while the store was read may be of this key: what was read is not to be kept.
      if (revocations === this.#revocations) return { kind: 'known', principal: this.#remember(record) };
    }
  }

  #remember(record: ApiKeyRecord): Principal {
    const seen = this.#seen.get(record.id);
    if (seen !== undefined) return seen.principal;
    const revoke = new AbortController();
    const { id, name, role } = record;
    const principal: Principal = { id, name, role, revoked: revoke.signal };
    this.#seen.set(id, { secretSha256: record.secretSha256, principal, revoke });
    return principal;
  }
}
