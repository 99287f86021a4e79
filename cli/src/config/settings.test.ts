import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tempDir } from '@muster/testing/temp-dir';
import { loadSettings, wantsColors } from './settings.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';

describe('the settings', () => {
  it('come from flags first, then the environment, then the file, each on its own', async () => {
    await using dir = await tempDir();
    await mkdir(join(dir.path, 'muster'));
    await writeFile(join(dir.path, 'muster', 'config.yaml'), 'url: https://file:1\ntoken_file: key\nca_file: ca.pem\n');
    await writeFile(join(dir.path, 'muster', 'key'), 'from-file\n');
    await writeFile(join(dir.path, 'muster', 'ca.pem'), PEM);
    const env = { XDG_CONFIG_HOME: dir.path };
    expect(await loadSettings({}, env)).toEqual({ url: 'https://file:1', token: 'from-file', caPem: PEM });
    const more = { ...env, MUSTER_URL: 'https://env:2', MUSTER_TOKEN: 'from-env' };
    expect(await loadSettings({}, more)).toMatchObject({ url: 'https://env:2', token: 'from-env' });
    const flags = { url: 'https://flag:3', tokenFile: join(dir.path, 'muster', 'key') };
    expect(await loadSettings(flags, more)).toMatchObject({ url: 'https://flag:3', token: 'from-file' });
  });

  it('are asked for in one error that teaches every way', async () => {
    await using dir = await tempDir();
    const failing = loadSettings({}, { HOME: dir.path });
    for (const way of [
      '--url',
      'MUSTER_URL',
      'config.yaml',
      '--token-file',
      'MUSTER_TOKEN_FILE',
      'MUSTER_TOKEN,',
      'endpoints.json',
    ]) {
      await expect(failing).rejects.toThrow(way.replace(',', ''));
    }
  });

  it.each([
    [{ MUSTER_URL: 'http://plain:1' }, '"http://plain:1" is not the URL of an orchestrator'],
    [{ MUSTER_URL: 'https://host/path' }, 'is not the URL of an orchestrator'],
    [{ MUSTER_TOKEN: 'two words' }, 'MUSTER_TOKEN holds no key'],
    [{ MUSTER_TOKEN_FILE: '/does/not/exist' }, 'cannot read the key from /does/not/exist: ENOENT'],
    [{ MUSTER_CA_FILE: '/dev/null' }, '/dev/null holds no CA certificate'],
  ])('that are wrong are named: %j', async (env, expected) => {
    await using dir = await tempDir();
    const whole = { HOME: dir.path, MUSTER_URL: 'https://h:1', MUSTER_TOKEN: 't', ...env };
    await expect(loadSettings({}, 'MUSTER_TOKEN_FILE' in env ? { ...whole, MUSTER_TOKEN: '' } : whole)).rejects.toThrow(
      expected,
    );
  });

  it('never show a key', async () => {
    await using dir = await tempDir();
    const error: unknown = await loadSettings({}, { HOME: dir.path, MUSTER_TOKEN: 'sec ret' }).catch(
      (thrown: unknown) => thrown,
    );
    expect(String(error)).not.toContain('sec ret');
  });

  it.each([
    ['url: [', 'not YAML'],
    ['- a', 'expected lines'],
    ['uri: https://x:1', 'unknown uri; known are url, token_file, ca_file'],
    ['url: 1', 'url must be text'],
  ])('name the file when it holds %j', async (text, expected) => {
    await using dir = await tempDir();
    const config = join(dir.path, 'c.yaml');
    await writeFile(config, text);
    const failing = loadSettings({ config }, {});
    await expect(failing).rejects.toThrow(config);
    await expect(failing).rejects.toThrow(expected);
  });

  it('fail when a named file is not there, and not when the default one is not', async () => {
    await using dir = await tempDir();
    await expect(loadSettings({ config: join(dir.path, 'x') }, {})).rejects.toThrow(
      'cannot read the configuration: ENOENT',
    );
    const env = { HOME: dir.path, MUSTER_URL: 'https://h:1/', MUSTER_TOKEN: 't' };
    expect(await loadSettings({}, env)).toEqual({ url: 'https://h:1', token: 't', caPem: undefined });
  });

  it('never repeat a password that somebody wrote into the URL', async () => {
    const failing = loadSettings({}, { MUSTER_URL: 'https://me:hunter2@h:1/', MUSTER_TOKEN: 't' });
    await expect(failing).rejects.toThrow('https://HOST:PORT and nothing more');
    await expect(failing).rejects.not.toThrow('hunter2');
  });

  it('want no colours where NO_COLOR is set', () => {
    expect([wantsColors({}), wantsColors({ NO_COLOR: '1' }), wantsColors({ TERM: 'dumb' })]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
