import { stat } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { tempDir } from '@muster/testing/temp-dir';
import { isAppError } from '../errors/app-error.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { nodeDisk } from './node-disk.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string | undefined =>
  data === undefined ? undefined : new TextDecoder().decode(data);
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no failure',
    (error: unknown) => (isAppError(error) ? error.code : error),
  );

describe('the disk', () => {
  it('writes whole arrays and reads back from a position', async () => {
    await using dir = await tempDir();
    await using file = await nodeDisk.open(dir.join('f'), 'truncate');
    await file.write([bytes('ab'), bytes(''), bytes('cde')]);
    await file.write(bytes('X'), 1);
    await file.write([bytes('Y'), bytes('Z')], 3);
    await file.datasync();
    const buffer = new Uint8Array(10);
    const count = await file.read(buffer, 1);
    expect(text(buffer.subarray(0, count))).toBe('XcYZ');
    expect(await file.read(buffer, 5)).toBe(0);
    expect(await file.size()).toBe(5);
  });

  it('writes many large pieces completely', async () => {
    await using dir = await tempDir();
    await using file = await nodeDisk.open(dir.join('f'), 'append');
    const pieces = Array.from({ length: 3_000 }, (_, index) => new Uint8Array(1_000).fill(index % 256));
    await file.write(pieces);
    expect(await file.size()).toBe(3_000_000);
    const written = (await nodeDisk.readFile(dir.join('f'))) ?? new Uint8Array();
    expect(Buffer.compare(written, Buffer.concat(pieces))).toBe(0);
  });

  it('appends to what is there, whatever was read before', async () => {
    await using dir = await tempDir();
    for (const part of ['one ', 'two']) {
      await using file = await nodeDisk.open(dir.join('log'), 'append');
      await file.read(new Uint8Array(2), 0);
      await file.write(bytes(part));
    }
    expect(text(await nodeDisk.readFile(dir.join('log')))).toBe('one two');
  });

  it('creates exclusively: of many at once, one wins and the others get already_exists', async () => {
    await using dir = await tempDir();
    const tries = Array.from({ length: 20 }, () =>
      codeOf(nodeDisk.open(dir.join('claim'), 'create_exclusive').then((file) => file.close())),
    );
    const outcomes = await Promise.all(tries);
    expect(outcomes.filter((outcome) => outcome === 'no failure')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'already_exists')).toHaveLength(19);
  });

  it('makes files and directories for the owner only', async () => {
    await using dir = await tempDir();
    await nodeDisk.mkdir(dir.join('a', 'b'), { recursive: true });
    await (await nodeDisk.open(dir.join('a', 'f'), 'read_write')).close();
    expect((await stat(dir.join('a', 'b'))).mode & 0o777).toBe(0o700);
    expect((await stat(dir.join('a', 'f'))).mode & 0o777).toBe(0o600);
  });

  it('keeps contents under read_write, empties under truncate', async () => {
    await using dir = await tempDir();
    await writeFileAtomic(nodeDisk, dir.join('f'), 'abc');
    await (await nodeDisk.open(dir.join('f'), 'read_write')).close();
    expect(text(await nodeDisk.readFile(dir.join('f')))).toBe('abc');
    await (await nodeDisk.open(dir.join('f'), 'truncate')).close();
    expect(text(await nodeDisk.readFile(dir.join('f')))).toBe('');
  });

  it('says what is absent by undefined where that is an answer, by not_found where it is a failure', async () => {
    await using dir = await tempDir();
    expect(await nodeDisk.stat(dir.join('no'))).toBeUndefined();
    expect(await nodeDisk.readFile(dir.join('no'))).toBeUndefined();
    await writeFileAtomic(nodeDisk, dir.join('file'), '');
    expect(await nodeDisk.stat(dir.join('file', 'below'))).toBeUndefined();
    expect(await codeOf(nodeDisk.open(dir.join('no'), 'read'))).toBe('not_found');
    expect(await codeOf(nodeDisk.unlink(dir.join('no')))).toBe('not_found');
    await expect(nodeDisk.list(dir.join('no'))).rejects.toThrow(`cannot list ${dir.join('no')}: ENOENT`);
    await nodeDisk.removeTree(dir.join('no'));
  });

  it('links, renames, lists and removes', async () => {
    await using dir = await tempDir();
    await writeFileAtomic(nodeDisk, dir.join('a'), '1');
    await nodeDisk.link(dir.join('a'), dir.join('b'));
    expect(await codeOf(nodeDisk.link(dir.join('a'), dir.join('b')))).toBe('already_exists');
    await nodeDisk.rename(dir.join('b'), dir.join('c'));
    await nodeDisk.syncDirectory(dir.path);
    expect(await nodeDisk.list(dir.path)).toEqual(['a', 'c']);
    await nodeDisk.removeTree(dir.join('c'));
    expect(await nodeDisk.list(dir.path)).toEqual(['a']);
    expect(await nodeDisk.freeBytes(dir.path)).toBeGreaterThan(0);
  });

  it('extends with blocks behind it, cuts, and closes twice without harm', async () => {
    await using dir = await tempDir();
    const file = await nodeDisk.open(dir.join('f'), 'read_write');
    await file.write(bytes('abc'));
    await file.preallocate(2_500_000);
    expect(await file.size()).toBe(2_500_000);
    expect((await stat(dir.join('f'))).blocks * 512).toBeGreaterThanOrEqual(2_500_000);
    await file.truncate(2);
    await file.close();
    await file.close();
    expect(text(await nodeDisk.readFile(dir.join('f')))).toBe('ab');
  });
});

describe('an atomic write', () => {
  it('replaces the file, its mode too, and leaves nothing beside it', async () => {
    await using dir = await tempDir();
    await writeFileAtomic(nodeDisk, dir.join('key'), 'old', 0o644);
    await writeFileAtomic(nodeDisk, dir.join('key'), 'new');
    expect(text(await nodeDisk.readFile(dir.join('key')))).toBe('new');
    expect((await stat(dir.join('key'))).mode & 0o777).toBe(0o600);
    expect(await nodeDisk.list(dir.path)).toEqual(['key']);
  });

  it('goes on where a crash left a temporary file', async () => {
    await using dir = await tempDir();
    await (await nodeDisk.open(dir.join('key.tmp'), 'truncate', 0o666)).close();
    await writeFileAtomic(nodeDisk, dir.join('key'), 'new');
    expect(await nodeDisk.list(dir.path)).toEqual(['key']);
  });

  it('keeps the old contents when the new ones cannot be written', async () => {
    await using dir = await tempDir();
    await writeFileAtomic(nodeDisk, dir.join('key'), 'old');
    const full = { ...nodeDisk, rename: () => Promise.reject(new Error('power lost')) };
    await expect(writeFileAtomic(full, dir.join('key'), 'new')).rejects.toThrow('power lost');
    expect(text(await nodeDisk.readFile(dir.join('key')))).toBe('old');
  });
});
