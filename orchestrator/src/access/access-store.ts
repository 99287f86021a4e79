// What API keys need of the store. Each method is one transaction, durable when its promise resolves.
import type { ApiKeyId } from '@muster/common/ids/ids';

export const keyRoles = ['viewer', 'operator', 'admin'] as const;
/** What a key may do; each may do all that the one before it may. */
export type KeyRole = (typeof keyRoles)[number];

export interface ApiKeyRecord {
  readonly id: ApiKeyId;
  readonly name: string;
  readonly role: KeyRole;
  /** SHA-256 of the secret, hex. The secret itself is nowhere. */
  readonly secretSha256: string;
  readonly createdAtMs: number;
  readonly revoked: boolean;
}

export interface AccessStore {
  createKey(key: ApiKeyRecord): Promise<void>;
  findKey(id: ApiKeyId): Promise<ApiKeyRecord | undefined>;
  /** Newest first, after `after`. */
  listKeys(limit: number, after: ApiKeyId | undefined): Promise<readonly ApiKeyRecord[]>;
  /** 'last_admin': the only admin key that is left is not revoked. */
  revokeKey(
    id: ApiKeyId,
  ): Promise<{ kind: 'revoked'; key: ApiKeyRecord } | { kind: 'not_found' } | { kind: 'last_admin' }>;
  /** True when there is no key at all, as on the first start. */
  isEmpty(): Promise<boolean>;
}
