import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { musterVersion } from './version.ts';

describe('the version', () => {
  it('is the one in package.json', async () => {
    const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
    expect(JSON.parse(text)).toMatchObject({ version: musterVersion });
  });
});
