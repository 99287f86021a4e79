import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { asJobId, isUlid } from '@muster/common/ids/ids';
import { tempDir } from '@muster/testing/temp-dir';
import Database from 'better-sqlite3';
import { openStore, type Store } from './open-store.ts';
import { ids, newJob } from './samples.fixture.ts';

function open(dataDirectory: string): Promise<Store> {
  return openStore({ dataDirectory, clock: systemClock, ids });
}

describe('opening the store', () => {
  it('makes it, readable by its owner alone', async () => {
    await using dir = await tempDir();
    await using store = await open(dir.join('deep', 'data'));
    expect(store.epoch).toBe(1);
    expect(isUlid(store.clusterId)).toBe(true);
    expect(statSync(dir.join('deep', 'data')).mode & 0o777).toBe(0o700);
    for (const file of ['muster.db', 'muster.db-wal']) {
      expect(statSync(dir.join('deep', 'data', file)).mode & 0o777).toBe(0o600);
    }
  });

  it('raises the epoch each time and keeps the cluster id and the jobs', async () => {
    await using dir = await tempDir();
    const job = newJob();
    const first = await open(dir.path);
    await first.jobs.submit(job);
    await first[Symbol.asyncDispose]();
    await using second = await open(dir.path);
    expect(second.epoch).toBe(2);
    expect(second.clusterId).toBe(first.clusterId);
    expect(await second.jobs.get(job.id)).toMatchObject({ id: job.id });
  });

  it('is refused while another has it', async () => {
    await using dir = await tempDir();
    await using _store = await open(dir.path);
    await expect(open(dir.path)).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  it('is refused where a newer version wrote it', async () => {
    await using dir = await tempDir();
    await (await open(dir.path))[Symbol.asyncDispose]();
    alter(dir.join('muster.db'), (file) => file.pragma('user_version = 9999'));
    await expect(open(dir.path)).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('newer Muster (schema 9999'),
    });
  });

  it('leaves the database of another program alone', async () => {
    await using dir = await tempDir();
    alter(dir.join('muster.db'), (file) => file.exec('CREATE TABLE theirs (a)'));
    await expect(open(dir.path)).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('another program'),
    });
  });
});

describe('a damaged store', () => {
  const guidance = { code: 'data_loss', message: expect.stringMatching(/restore a backup .*move muster\.db/) };

  it('is refused with what to do when its pages are damaged', async () => {
    await using dir = await tempDir();
    const store = await open(dir.path);
    for (let at = 0; at < 200; at += 1) await store.jobs.submit(newJob());
    await store[Symbol.asyncDispose]();
    const bytes = readFileSync(dir.join('muster.db'));
    bytes.fill(0x5a, 4_096 * 3, 4_096 * 12);
    writeFileSync(dir.join('muster.db'), bytes);
    await expect(open(dir.path)).rejects.toMatchObject(guidance);
  });

  it('is refused with what to do when it is no database, and gives the directory free', async () => {
    await using dir = await tempDir();
    writeFileSync(dir.join('muster.db'), 'x'.repeat(10_000));
    await expect(open(dir.path)).rejects.toMatchObject(guidance);
    await expect(open(dir.path)).rejects.toMatchObject(guidance);
  });
});

it('still has everything that was acknowledged after kill -9', async () => {
  await using dir = await tempDir();
  const program = fileURLToPath(new URL('./submit-forever.fixture.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions', 'muster-source', '--no-warnings', program, dir.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > 200) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  const acknowledged = said
    .split('\n')
    .slice(0, -1)
    .map((line) => asJobId(line));
  expect(acknowledged.length).toBeGreaterThanOrEqual(200);
  await using store = await open(dir.path);
  const found = await Promise.all(acknowledged.map((id) => store.jobs.get(id)));
  expect(found.filter((job) => job === undefined)).toEqual([]);
  expect((await store.jobs.submit(newJob())).kind).toBe('stored');
}, 30_000);

function alter(path: string, change: (file: Database.Database) => unknown): void {
  const file = new Database(path);
  change(file);
  file.close();
}
