/** Small files that are either the old or the new, whatever crashes when: keys, endpoints, identity. */
import { dirname } from 'node:path';
import { isAppError } from '../errors/app-error.ts';
import type { Disk } from './disk.ts';

/**
 * Replaces a file durably: temporary file beside it, synced, renamed, directory synced. On return the new contents
 * survive power loss. One writer per path at a time: the temporary name is `<path>.tmp`, so that a crash leaves at most
 * one, which the next write removes.
 * @param mode of the file; default 0o600
 */
export async function writeFileAtomic(
  disk: Disk,
  path: string,
  data: Uint8Array | string,
  mode = 0o600,
): Promise<void> {
  const temporary = `${path}.tmp`;
  await removeIfPresent(disk, temporary);
  {
    // Created exclusively, so that an old file's mode or a planted link is never written through.
    await using file = await disk.open(temporary, 'create_exclusive', mode);
    await file.write(typeof data === 'string' ? new TextEncoder().encode(data) : data);
    await file.datasync();
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(dirname(path));
}

async function removeIfPresent(disk: Disk, path: string): Promise<void> {
  try {
    await disk.unlink(path);
  } catch (error) {
    if (!isAppError(error, 'not_found')) throw error;
  }
}
