// What every access store must do, whatever database is behind it.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { asApiKeyId } from '@muster/common/ids/ids';
import type { AccessStore, ApiKeyRecord, KeyRole } from '../access/access-store.ts';
import { ids } from './samples.fixture.ts';

/** A store that is closed by disposing. */
export type OpenAccessStore = AsyncDisposable & { readonly access: AccessStore };

/** Registers the tests; `make` opens an empty store. */
export function accessStoreContract(make: () => Promise<OpenAccessStore>): void {
  let opened: OpenAccessStore;
  let store: AccessStore;
  beforeEach(async () => {
    opened = await make();
    store = opened.access;
  });
  afterEach(async () => {
    await opened[Symbol.asyncDispose]();
  });

  const made = async (role: KeyRole): Promise<ApiKeyRecord> => {
    const id = asApiKeyId(ids.next());
    const key = { id, name: `${role}-key`, role, secretSha256: 'ab'.repeat(32), createdAtMs: 1, revoked: false };
    await store.createKey(key);
    return key;
  };

  it('is empty until the first key', async () => {
    expect(await store.isEmpty()).toBe(true);
    const key = await made('viewer');
    expect(await store.isEmpty()).toBe(false);
    expect(await store.findKey(key.id)).toEqual(key);
    expect(await store.findKey(asApiKeyId(ids.next()))).toBeUndefined();
  });

  it('lists keys newest first, page by page', async () => {
    const [first, second, third] = [await made('viewer'), await made('operator'), await made('admin')];
    expect(await store.listKeys(2, undefined)).toEqual([third, second]);
    expect(await store.listKeys(2, second.id)).toEqual([first]);
  });

  it('revokes a key for good, also repeatedly', async () => {
    const key = await made('operator');
    const revoked = { kind: 'revoked', key: { ...key, revoked: true } };
    expect(await store.revokeKey(key.id)).toEqual(revoked);
    expect(await store.revokeKey(key.id)).toEqual(revoked);
    expect(await store.findKey(key.id)).toMatchObject({ revoked: true });
    expect(await store.revokeKey(asApiKeyId(ids.next()))).toEqual({ kind: 'not_found' });
  });

  it('never revokes the last admin key, also when both are revoked at once', async () => {
    const [a, b] = [await made('admin'), await made('admin')];
    await made('operator');
    const results = await Promise.all([store.revokeKey(a.id), store.revokeKey(b.id)]);
    expect(results.map((each) => each.kind)).toEqual(['revoked', 'last_admin']);
    expect(await store.findKey(b.id)).toMatchObject({ revoked: false });
    // A revoked admin key is not the last one.
    expect((await store.revokeKey(a.id)).kind).toBe('revoked');
  });
}
