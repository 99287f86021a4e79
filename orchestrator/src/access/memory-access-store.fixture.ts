// API keys in memory, for tests that need a store and not its disk.
import type { ApiKeyId } from '@muster/common/ids/ids';
import type { AccessStore, ApiKeyRecord } from './access-store.ts';

/** An access store without a disk. */
export class MemoryAccessStore implements AccessStore {
  readonly #keys = new Map<ApiKeyId, ApiKeyRecord>();

  async createKey(key: ApiKeyRecord): Promise<void> {
    this.#keys.set(key.id, key);
  }

  async findKey(id: ApiKeyId): Promise<ApiKeyRecord | undefined> {
    return this.#keys.get(id);
  }

  async listKeys(limit: number, after: ApiKeyId | undefined): Promise<readonly ApiKeyRecord[]> {
    const newestFirst = [...this.#keys.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
    return newestFirst.filter((key) => after === undefined || key.id < after).slice(0, limit);
  }

  async revokeKey(
    id: ApiKeyId,
  ): Promise<{ kind: 'revoked'; key: ApiKeyRecord } | { kind: 'not_found' } | { kind: 'last_admin' }> {
    const key = this.#keys.get(id);
    if (key === undefined) return { kind: 'not_found' };
    const admins = [...this.#keys.values()].filter((each) => each.role === 'admin' && !each.revoked);
    if (!key.revoked && key.role === 'admin' && admins.length === 1) return { kind: 'last_admin' };
    const revoked = { ...key, revoked: true };
    this.#keys.set(id, revoked);
    return { kind: 'revoked', key: revoked };
  }

  async isEmpty(): Promise<boolean> {
    return this.#keys.size === 0;
  }
}
