// Which files the checks look at: what git tracks, and what it would track, that still exist.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root directory, absolute. */
export const repositoryRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Paths relative to the root, with forward slashes, in git's order. Throws what git says when this is no repository. */
export function repositoryFiles(): readonly string[] {
  const listing = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
    // A listing of a hundred thousand paths fits; the default of 1 MiB is for about ten thousand.
    maxBuffer: 16 * 1024 * 1024,
  });
  return [...new Set(listing.split('\0'))].filter((path) => path !== '' && existsSync(join(repositoryRoot, path)));
}
