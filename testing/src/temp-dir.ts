/** A directory for one test, gone afterwards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A fresh, empty directory; `await using` removes it with all in it. */
export interface TempDir extends AsyncDisposable {
  readonly path: string;
  /** A path inside. */
  join(...parts: string[]): string;
}

/** Makes one. */
export async function tempDir(): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), 'muster-test-'));
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}
