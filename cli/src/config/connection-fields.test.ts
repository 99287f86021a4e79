import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tempDir } from '@muster/testing/temp-dir';
import { buildProgram } from '../program/program.ts';
import { connectionFields } from './connection-fields.ts';
import { loadSettings } from './settings.ts';

const fields = Object.values(connectionFields);

describe('the table of settings', () => {
  it('names the flags that every command has', () => {
    const program = buildProgram(() => Promise.resolve(), { out: () => {}, err: () => {} });
    const flags = program.options.map((option) => option.long);
    for (const field of fields) if (field.flag !== undefined) expect(flags).toContain(`--${field.flag}`);
  });

  it('names the keys that a file may hold, and no others', async () => {
    await using dir = await tempDir();
    const config = join(dir.path, 'config.yaml');
    await writeFile(config, 'x: 1\n');
    const keys = fields.filter((field) => field.flag !== undefined).map((field) => field.name);
    await expect(loadSettings({ config }, {})).rejects.toThrow(`known are ${keys.join(', ')}`);
  });

  it('names the variables that are read', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'absent');
    const failing = loadSettings(
      {},
      { HOME: dir.path, MUSTER_URL: 'ftp://u', MUSTER_TOKEN_FILE: file, MUSTER_CA_FILE: file },
    );
    for (const said of ['ftp://u', 'cannot read the key', 'cannot read the CA certificate']) {
      await expect(failing).rejects.toThrow(said);
    }
    expect(fields.map((field) => field.env)).toEqual([
      'MUSTER_URL',
      'MUSTER_TOKEN_FILE',
      'MUSTER_TOKEN',
      'MUSTER_CA_FILE',
    ]);
  });
});
