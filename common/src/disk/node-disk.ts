/** The disk port on Node's file handles. */
import { constants } from 'node:fs';
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  unlink,
} from 'node:fs/promises';
import { AppError, errnoOf, isError } from '../errors/app-error.ts';
import type { ErrorCode } from '../errors/codes.ts';
import type { Disk, DiskFile, DiskStat, OpenFlags } from './disk.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC } = constants;

const openBits: Record<OpenFlags, number> = {
  read: O_RDONLY,
  append: O_RDWR | O_CREAT | O_APPEND,
  create_exclusive: O_RDWR | O_CREAT | O_EXCL,
  read_write: O_RDWR | O_CREAT,
  truncate: O_RDWR | O_CREAT | O_TRUNC,
};

const codeOfErrno = new Map<string, ErrorCode>([
  ['EEXIST', 'already_exists'],
  ['ENOENT', 'not_found'],
  ['ENOSPC', 'resource_exhausted'],
  ['EDQUOT', 'resource_exhausted'],
]);

/** 1 MiB of zeros per write: large enough to be as fast as the medium, small enough to be nothing in memory. */
const ZEROS = new Uint8Array(1024 * 1024);

/** The real disk. */
export const nodeDisk: Disk = {
  open: (path, flags, mode = 0o600) =>
    attempt('open', path, async () => new NodeDiskFile(await open(path, openBits[flags], mode), path)),
  rename: (from, to) => attempt('rename', `${from} to ${to}`, () => rename(from, to)),
  link: (existing, added) => attempt('link', `${existing} as ${added}`, () => link(existing, added)),
  unlink: (path) => attempt('remove', path, () => unlink(path)),
  list: (directory) => attempt('list', directory, async () => (await readdir(directory)).sort()),
  mkdir: (directory, options = {}) =>
    attempt('make directory', directory, async () => {
      await mkdir(directory, { recursive: options.recursive === true, mode: options.mode ?? 0o700 });
    }),
  stat: (path) => absentAsUndefined(attempt('stat', path, async () => describe(await stat(path)))),
  readFile: (path) => absentAsUndefined(attempt('read', path, () => readFile(path))),
  syncDirectory: (directory) => attempt('sync directory', directory, () => syncHandle(directory)),
  freeBytes: (path) =>
    attempt('measure free space of', path, async () => {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    }),
  removeTree: (path) => attempt('remove', path, () => rm(path, { recursive: true, force: true })),
};

/** A file handle that knows its path, for error texts. */
class NodeDiskFile implements DiskFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  #closed = false;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return attempt('read', this.#path, async () => {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.byteLength, position);
      return bytesRead;
    });
  }

  write(data: Uint8Array | readonly Uint8Array[], position?: number): Promise<void> {
    return attempt('write', this.#path, () =>
      data instanceof Uint8Array ? writeOne(this.#handle, data, position) : writeMany(this.#handle, data, position),
    );
  }

  datasync(): Promise<void> {
    return attempt('sync', this.#path, () => this.#handle.datasync());
  }

  size(): Promise<number> {
    return attempt('measure', this.#path, async () => (await this.#handle.stat()).size);
  }

  truncate(sizeBytes: number): Promise<void> {
    return attempt('truncate', this.#path, () => this.#handle.truncate(sizeBytes));
  }

  preallocate(sizeBytes: number): Promise<void> {
    return attempt('preallocate', this.#path, async () => {
      let at = (await this.#handle.stat()).size;
      while (at < sizeBytes) {
        const part = ZEROS.subarray(0, Math.min(ZEROS.byteLength, sizeBytes - at));
        await writeOne(this.#handle, part, at);
        at += part.byteLength;
      }
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await attempt('close', this.#path, () => this.#handle.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function writeOne(handle: FileHandle, data: Uint8Array, position: number | undefined): Promise<void> {
  let done = 0;
  while (done < data.byteLength) {
    const at = position === undefined ? null : position + done;
    const { bytesWritten } = await handle.write(data, done, data.byteLength - done, at);
    done += bytesWritten;
  }
}

async function writeMany(
  handle: FileHandle,
  parts: readonly Uint8Array[],
  position: number | undefined,
): Promise<void> {
  let rest = parts.filter((part) => part.byteLength > 0);
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    rest = without(rest, bytesWritten);
    if (at !== undefined) at += bytesWritten;
  }
}

/** What is left of `parts` after their first `byteCount` bytes. */
function without(parts: readonly Uint8Array[], byteCount: number): Uint8Array[] {
  const left: Uint8Array[] = [];
  let skip = byteCount;
  for (const part of parts) {
    if (skip >= part.byteLength) skip -= part.byteLength;
    else {
      left.push(part.subarray(skip));
      skip = 0;
    }
  }
  return left;
}

async function syncHandle(directory: string): Promise<void> {
  const handle = await open(directory, O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function describe(found: { size: number; mtimeMs: number; isDirectory(): boolean }): DiskStat {
  return { sizeBytes: found.size, mtimeMs: found.mtimeMs, isDirectory: found.isDirectory() };
}

async function attempt<T>(operation: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const errno = errnoOf(error) ?? (isError(error) ? error.message : String(error));
    throw new AppError(codeOfErrno.get(errno) ?? 'internal', `cannot ${operation} ${what}: ${errno}`, { cause: error });
  }
}

async function absentAsUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return undefined;
    if (error instanceof AppError && errnoOf(error.cause) === 'ENOTDIR') return undefined;
    throw error;
  }
}
