import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { tempDir } from '@muster/testing/temp-dir';
import { isAppError } from '../errors/app-error.ts';
import {
  addressField,
  booleanField,
  bytesField,
  durationField,
  integerField,
  listField,
  optional,
  parseAddress,
  pathField,
  stringField,
} from './fields.ts';
import { loadConfig } from './load-config.ts';
import { describeFields, printConfig } from './show-config.ts';

const fields = {
  dataDir: pathField({ name: 'data_dir', description: 'Where it keeps its data', env: 'M_DATA_DIR', flag: 'data-dir' }),
  listen: addressField({
    name: 'agent.listen',
    description: 'The agent door',
    flag: 'agent-listen',
    default: { host: '::', port: 7443 },
  }),
  period: durationField({
    name: 'heartbeat.period',
    description: 'Between heartbeats',
    default: 10_000,
    range: { min: 1_000, max: 60_000 },
    env: 'M_PERIOD',
    flag: 'period',
  }),
  window: bytesField({ name: 'log.window', description: 'Unacknowledged bytes', default: 8_388_608, flag: 'window' }),
  workers: integerField({
    name: 'workers',
    description: 'How many | at once',
    default: 2,
    range: { min: 1 },
    flag: 'workers',
  }),
  probe: booleanField({ name: 'probe_cloud', description: 'Ask the cloud', default: true, env: 'M_PROBE' }),
  names: listField({ name: 'names', description: 'More names', default: [], env: 'M_NAMES', flag: 'name' }),
  token: optional(stringField({ name: 'token', description: 'A secret', secret: true, env: 'M_TOKEN' })),
};

const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (isAppError(error, 'invalid_argument')) return error.message;
    throw error;
  }
  return 'no failure';
};

describe('loading a configuration', () => {
  it('takes flags over environment over file over default, and says where each came from', async () => {
    await using dir = await tempDir();
    const file = dir.join('c.yaml');
    await writeFile(
      file,
      'data_dir: /from/file\nheartbeat: { period: 20s }\nlog.window: 1MiB\nworkers: 3\nnames: [a, b]\n',
    );
    const { value, sources } = loadConfig({
      file,
      env: { M_PERIOD: '30s', M_PROBE: 'no', M_TOKEN: '' },
      flags: { period: '40s', unrelated: true },
      fields,
    });
    expect(value).toEqual({
      dataDir: '/from/file',
      listen: { host: '::', port: 7443 },
      period: 40_000,
      window: 1_048_576,
      workers: 3,
      probe: false,
      names: ['a', 'b'],
      token: undefined,
    });
    expect(sources).toMatchObject({ dataDir: 'file', period: 'flag', probe: 'environment', listen: 'default' });
  });

  it('reports all problems at once, each with its place', async () => {
    await using dir = await tempDir();
    const file = dir.join('c.yaml');
    await writeFile(file, 'hartbeat: { period: 20s }\nworkers: 0\nlog: { window: lots }\n');
    const message = messageOf(() => loadConfig({ file, env: { M_PERIOD: '90', M_PROBE: 'maybe' }, flags: {}, fields }));
    expect(message.split('\n')).toHaveLength(7);
    expect(message).toContain(`hartbeat.period (in ${file}): no such setting; did you mean heartbeat.period?`);
    expect(message).toContain(`workers (in ${file}): 0 is out of range; it must be at least 1`);
    expect(message).toContain(`log.window (in ${file}): "lots" is not a size`);
    expect(message).toContain('M_PERIOD (environment): "90" is not a duration');
    expect(message).toContain('M_PROBE (environment): "maybe" is not true or false');
    expect(message).toContain(
      'data_dir: is required; set --data-dir or M_DATA_DIR or data_dir in the configuration file',
    );
  });

  it('never shows a secret, neither in a problem nor in print', async () => {
    const strict = { token: integerField({ name: 'token', description: 'A secret', secret: true, env: 'M_TOKEN' }) };
    expect(messageOf(() => loadConfig({ env: { M_TOKEN: 'hunter2' }, flags: {}, fields: strict }))).not.toContain(
      'hunter2',
    );
    const { value } = loadConfig({ env: { M_TOKEN: 'hunter2', M_DATA_DIR: '/d' }, flags: {}, fields });
    expect(value.token).toBe('hunter2');
    expect(printConfig(value, fields)).not.toContain('hunter2');
  });

  it.each([
    ['is missing', undefined, 'cannot be read (ENOENT)'],
    ['is no YAML', 'a: [hunter2', 'is not YAML (line 1'],
    ['holds a list', '- a', 'must hold keys and values'],
  ])('says so when the file %s', async (_, contents, expected) => {
    await using dir = await tempDir();
    const file = dir.join('c.yaml');
    if (contents !== undefined) await writeFile(file, contents);
    const message = messageOf(() => loadConfig({ file, env: {}, flags: { 'data-dir': '/d' }, fields }));
    expect(message).toContain(expected);
    expect(message).not.toContain('hunter2');
  });

  it('takes an empty file for one without settings', async () => {
    await using dir = await tempDir();
    await writeFile(dir.join('c.yaml'), '# nothing\n');
    expect(loadConfig({ file: dir.join('c.yaml'), env: {}, flags: { 'data-dir': '/d' }, fields }).value.workers).toBe(
      2,
    );
  });

  it('prints what gives the same when it is loaded again', async () => {
    await using dir = await tempDir();
    const flags = { 'data-dir': '/d', period: '30s5ms', window: '1500', name: ['x,y', 'z'], 'agent-listen': '[::1]:0' };
    const { value } = loadConfig({ env: {}, flags, fields });
    const file = dir.join('again.yaml');
    await writeFile(file, printConfig(value, fields));
    expect(loadConfig({ file, env: {}, flags: {}, fields }).value).toEqual(value);
    expect(value.names).toEqual(['x,y', 'z']);
  });

  it('is described as a table', () => {
    const table = describeFields(fields);
    expect(table).toContain(
      '| `heartbeat.period` | `--period` | `M_PERIOD` | duration, ≥ 1s, ≤ 1m | `10s` | Between heartbeats |',
    );
    expect(table).toContain('How many \\| at once');
    expect(table.trim().split('\n')).toHaveLength(2 + Object.keys(fields).length);
  });
});

describe('addresses', () => {
  it.each([
    ['localhost:80', { host: 'localhost', port: 80 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['0.0.0.0:65535', { host: '0.0.0.0', port: 65_535 }],
  ])('%s is taken', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each(['', 'localhost', ':80', 'a:b', '::1:80', 'h:65536', 'http://h:80', 'h:-1'])('%j is refused', (text) => {
    expect(() => parseAddress(text)).toThrow('HOST:PORT');
  });
});
