import { stat } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { type ApiKeyId, makeIds } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { captureLogs } from '@muster/testing/capture-logs';
import { ManualClock } from '@muster/testing/manual-clock';
import { tempDir } from '@muster/testing/temp-dir';
import type { ApiKeyRecord } from './access-store.ts';
import { formatApiKey, parseApiKey } from './api-key.ts';
import { ApiKeys } from './api-keys.ts';
import { ensureFirstAdminKey, firstAdminKeyPath } from './first-admin-key.ts';
import { MemoryAccessStore } from './memory-access-store.fixture.ts';

/** A store whose reads can be counted and held up. */
class SlowStore extends MemoryAccessStore {
  reads = 0;
  hold: Promise<void> = Promise.resolve();

  override async findKey(id: ApiKeyId): Promise<ApiKeyRecord | undefined> {
    this.reads += 1;
    const found = await super.findKey(id);
    await this.hold;
    return found;
  }
}

describe('API keys', () => {
  let store: SlowStore;
  let keys: ApiKeys;
  beforeEach(() => {
    const clock = new ManualClock();
    store = new SlowStore();
    keys = new ApiKeys({ store, clock, random: systemRandom, ids: makeIds(clock, systemRandom) });
  });

  it('authenticate their holder, by one store read for all calls', async () => {
    const { text, record } = await keys.create('ci', 'operator');
    for (let call = 0; call < 3; call += 1) {
      const answer = await keys.authenticate(`Bearer ${text}`);
      expect(answer).toMatchObject({ kind: 'known', principal: { id: record.id, name: 'ci', role: 'operator' } });
    }
    expect(store.reads).toBe(1);
  });

  it('are kept as hashes only', async () => {
    const { text, record } = await keys.create('ci', 'operator');
    expect(JSON.stringify(record)).not.toContain(parseApiKey(text)?.secret);
    expect(record.secretSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['missing', undefined, 'missing'],
    ['empty', '', 'missing'],
    ['of another scheme', 'Basic dXNlcjpwYXNz', 'malformed'],
    ['cut off', 'Bearer muster_01hzy3k4m5n6p7q8r9s0t1v2w3_00', 'malformed'],
  ])('are refused when %s', async (_what, header, reason) => {
    expect(await keys.authenticate(header)).toEqual({ kind: 'refused', reason });
    expect(store.reads).toBe(0);
  });

  it('are refused with a wrong secret, whether or not the right one was seen', async () => {
    const { text } = await keys.create('ci', 'operator');
    const other = await keys.create('other', 'admin');
    const id = parseApiKey(text)?.id ?? '';
    // A key that is well formed and whose secret is another key's.
    const forged = formatApiKey({
      id: parseApiKey(text)?.id ?? other.record.id,
      secret: parseApiKey(other.text)?.secret ?? '',
    });
    expect(forged).toContain(id);
    expect(await keys.authenticate(`Bearer ${forged}`)).toEqual({ kind: 'refused', reason: 'unknown' });
    await keys.authenticate(`Bearer ${text}`);
    expect(await keys.authenticate(`Bearer ${forged}`)).toEqual({ kind: 'refused', reason: 'unknown' });
  });

  it('end what is being answered when they are revoked, and are refused at once', async () => {
    const { text, record } = await keys.create('ci', 'operator');
    const answer = await keys.authenticate(`bearer ${text}`);
    if (answer.kind !== 'known') throw new Error('not known');
    await keys.revoke(record.id);
    expect(answer.principal.revoked.aborted).toBe(true);
    expect(await keys.authenticate(`Bearer ${text}`)).toEqual({ kind: 'refused', reason: 'revoked' });
  });

  it('are not remembered as good when they are revoked while the store is read', async () => {
    const { text, record } = await keys.create('ci', 'operator');
    const gate = Promise.withResolvers<void>();
    store.hold = gate.promise;
    const answer = keys.authenticate(`Bearer ${text}`);
    await keys.revoke(record.id);
    gate.resolve();
    expect(await answer).toEqual({ kind: 'refused', reason: 'revoked' });
  });

  it('have texts in which every mistyped character is noticed', async () => {
    const { text } = await keys.create('ci', 'operator');
    expect(text).toMatch(/^\w+$/);
    for (let at = 0; at < text.length; at += 1) {
      const wrong = text.charAt(at) === '0' ? '1' : '0';
      expect(parseApiKey(text.slice(0, at) + wrong + text.slice(at + 1))).toBeUndefined();
    }
  });
});

describe('the first admin key', () => {
  it('is written once, for its user only, and works', async () => {
    await using directory = await tempDir();
    const clock = new ManualClock();
    const store = new MemoryAccessStore();
    const keys = new ApiKeys({ store, clock, random: systemRandom, ids: makeIds(clock, systemRandom) });
    const logs = captureLogs();
    const deps = { dataDirectory: directory.path, disk: nodeDisk, store, keys, logger: logs.logger };
    await ensureFirstAdminKey(deps);
    const path = firstAdminKeyPath(directory.path);
    const text = new TextDecoder().decode(await nodeDisk.readFile(path)).trim();
    expect(await keys.authenticate(`Bearer ${text}`)).toMatchObject({ kind: 'known', principal: { role: 'admin' } });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await ensureFirstAdminKey(deps);
    expect(new TextDecoder().decode(await nodeDisk.readFile(path)).trim()).toBe(text);
    expect(logs.lines.map((line) => line['file'])).toEqual([path]);
    expect(logs.text()).not.toContain(text);
  });
});
