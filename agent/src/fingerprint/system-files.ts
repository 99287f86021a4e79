/** Reading the small text files in which a system describes itself. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@muster/common/errors/app-error';
import type { ProbeContext } from './probe.ts';

type Rooted = Pick<ProbeContext, 'root'>;

/** The text of a file. Throws Node's error where it cannot be read. */
export function readText(context: Rooted, path: string): Promise<string> {
  return readFile(join(context.root, path), 'utf8');
}

/** The same, or undefined where there is no such file. */
export async function readTextIfThere(context: Rooted, path: string): Promise<string | undefined> {
  try {
    return await readText(context, path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The names in a directory, sorted; none where there is no such directory. */
export async function namesIn(context: Rooted, path: string): Promise<string[]> {
  try {
    return (await readdir(join(context.root, path))).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** ENODEV: what drivers in /sys answer for a value that this device does not have. */
const missing: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ENODEV']);

function isMissing(error: unknown): boolean {
  return missing.has(errnoOf(error));
}
