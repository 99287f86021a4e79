/** The directory of an attempt: made for it, closed to others, removed with it. Its standard input lies beside it. */
import { join } from 'node:path';
import type { Disk } from '@muster/common/disk/disk';
import type { AttemptId } from '@muster/common/ids/ids';

/** What was made. */
export interface WorkDirectory {
  readonly path: string;
  /** Undefined where the job has no standard input. */
  readonly stdinPath: string | undefined;
}

/** Makes it. @throws AppError resource_exhausted when the disk is full */
export async function makeWorkDirectory(
  disk: Disk,
  workPath: string,
  attemptId: AttemptId,
  stdin: Uint8Array,
): Promise<WorkDirectory> {
  const path = join(workPath, attemptId);
  await disk.mkdir(path, { recursive: true, mode: 0o700 });
  if (stdin.byteLength === 0) return { path, stdinPath: undefined };
  const stdinPath = `${path}.stdin`;
  await using file = await disk.open(stdinPath, 'truncate');
  await file.write(stdin);
  return { path, stdinPath };
}

/** Removes it with all in it; what is not there is fine. */
export async function removeWorkDirectory(disk: Disk, workPath: string, attemptId: AttemptId): Promise<void> {
  const path = join(workPath, attemptId);
  await disk.removeTree(path);
  await disk.removeTree(`${path}.stdin`);
}
