import { truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { tempDir } from '@muster/testing/temp-dir';
import { RunFiles } from './run-files.ts';
import { freshKey } from './supervisor-stage.fixture.ts';

describe('the files of a run', () => {
  it('give the beginning of standard error however long it is', async () => {
    await using dir = await tempDir();
    const files = new RunFiles(dir.join('runs'));
    const key = freshKey();
    const path = files.outputPath(key, 'stderr');
    await writeFile(path, 'sh: nothing: not found\n');
    // 3 GiB of nothing, which take no room on the disk: more than Node reads in one piece.
    await truncate(path, 3 * 1024 ** 3);
    const text = files.readErrorText(key);
    expect(text).toMatch(/^sh: nothing: not found\n/);
    expect(text.length).toBeLessThanOrEqual(400);
  });

  it('give no error text where there is no standard error', async () => {
    await using dir = await tempDir();
    expect(new RunFiles(dir.join('runs')).readErrorText(freshKey())).toBe('');
  });
});
