import { describe, expect, it } from '@jest/globals';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { systemRandom } from '@muster/common/random/random';
import { tempDir } from '@muster/testing/temp-dir';
import { openPageTokenKey, pageSizeOf, pageTokens } from './page-token.ts';

describe('page tokens', () => {
  const tokens = pageTokens(systemRandom.bytes(32));

  it('open with the conditions they were sealed for', () => {
    const sealed = tokens.seal('node-ü', ['ListNodes', 'online', 'a=b']);
    expect(tokens.open(sealed, ['ListNodes', 'online', 'a=b'])).toBe('node-ü');
    expect(tokens.open('', ['ListNodes'])).toBeUndefined();
  });

  it.each([
    ['other conditions', (sealed: string) => tokens.open(sealed, ['ListNodes', 'down'])],
    ['conditions cut elsewhere', (sealed: string) => tokens.open(sealed, ['ListNodesonline'])],
    ['another key', (sealed: string) => pageTokens(systemRandom.bytes(32)).open(sealed, ['ListNodes', 'online'])],
    ['a longer cursor', (sealed: string) => tokens.open(`${sealed}AAAA`, ['ListNodes', 'online'])],
    ['no seal', () => tokens.open('abc', ['ListNodes', 'online'])],
    ['characters that are no base64', () => tokens.open('%%%', ['ListNodes', 'online'])],
  ])('do not open with %s', (_what, attempt) => {
    const sealed = tokens.seal('node', ['ListNodes', 'online']);
    expect(() => attempt(sealed)).toThrow(/^page_token: /);
  });

  it('have a key that outlives a restart', async () => {
    await using directory = await tempDir();
    const first = await openPageTokenKey(nodeDisk, directory.path, systemRandom);
    expect(Buffer.from(await openPageTokenKey(nodeDisk, directory.path, systemRandom)).equals(first)).toBe(true);
  });

  it('come with sizes that are bounded', () => {
    expect([0, 1, 1000, 4_000_000_000].map(pageSizeOf)).toEqual([100, 1, 1000, 1000]);
  });
});
