import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { expectNoLeaks } from '@muster/testing/leak-check';
import { tempDir } from '@muster/testing/temp-dir';
import { lockDirectory } from './directory-lock.ts';
import { nodeDisk } from './node-disk.ts';

const fixture = fileURLToPath(new URL('directory-lock.fixture.ts', import.meta.url));
const children = new Set<ChildProcess>();

/** Starts a process that takes the lock; resolves with its first line. */
function contend(directory: string): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, [fixture, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout.once('data', (data: Buffer) => resolve({ child, line: data.toString().trim() }));
  });
}

function end(child: ChildProcess): Promise<void> {
  children.delete(child);
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

afterEach(async () => {
  await Promise.all([...children].map(end));
});

describe('a directory lock', () => {
  it('is refused to a second taker, names the owner, and is free again once released', async () => {
    await using dir = await tempDir();
    await expectNoLeaks(async () => {
      const lock = await lockDirectory(dir.path);
      await expect(lockDirectory(dir.path)).rejects.toThrow(`in use by process ${process.pid}`);
      await lock[Symbol.asyncDispose]();
      await lock[Symbol.asyncDispose]();
      await using _again = await lockDirectory(dir.path);
    });
    expect(await nodeDisk.list(dir.path)).toEqual([]);
  });

  it('is free again after kill -9 of its owner, and what that left is cleared away', async () => {
    await using dir = await tempDir();
    const { child, line } = await contend(dir.path);
    expect(line).toBe('locked');
    await expect(lockDirectory(dir.path)).rejects.toThrow(`in use by process ${child.pid}`);
    await end(child);
    await using _lock = await lockDirectory(dir.path);
    expect(await nodeDisk.list(dir.path)).toHaveLength(1);
  });

  it('goes to at most one of many that start at once after a crash', async () => {
    await using dir = await tempDir();
    await end((await contend(dir.path)).child);
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => contend(dir.path)));
    expect(outcomes.filter(({ line }) => line === 'locked')).toHaveLength(1);
    expect(outcomes.filter(({ line }) => line.startsWith('refused failed_precondition'))).toHaveLength(4);
  });

  it('goes to exactly one of many takers in one process', async () => {
    await using dir = await tempDir();
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => lockDirectory(dir.path)));
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const outcome of won) await outcome.value[Symbol.asyncDispose]();
  });

  it('works however deep the directory lies', async () => {
    await using dir = await tempDir();
    const deep = dir.join('d'.repeat(100), 'e'.repeat(100));
    await mkdir(deep, { recursive: true });
    await using _lock = await lockDirectory(deep);
    await expect(lockDirectory(deep)).rejects.toThrow('in use');
  });

  it('says what to do when the directory can not be written', async () => {
    // Nobody may make a file there, root neither.
    await expect(lockDirectory('/proc/self/net')).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringMatching(/^cannot write in .* \(E[A-Z]+\); let this user write there/),
    });
  });

  it('says so when there is no such directory', async () => {
    await expect(lockDirectory('/nonexistent/dir')).rejects.toThrow('cannot lock /nonexistent/dir: ENOENT');
  });
});
