/**
 * The small disk port: what ledgers, spools, log files and keys need, and nothing more, so that a simulated disk can
 * lose power at any of these calls. Failures are AppErrors: `already_exists`, `not_found` and `resource_exhausted` (disk
 * full) can be told apart, everything else is `internal`; the message names the operation and the path.
 */

/**
 * How a file is opened: `read` must exist; `append` is made if absent and every write goes to its end; `create_exclusive`
 * fails with `already_exists` if there is one; `read_write` is made if absent and kept if not; `truncate` is emptied.
 * All but `read` may be read and written.
 */
export type OpenFlags = 'read' | 'append' | 'create_exclusive' | 'read_write' | 'truncate';

/** What is known of a path. */
export interface DiskStat {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly isDirectory: boolean;
}

/** An open file; `await using` closes it. */
export interface DiskFile extends AsyncDisposable {
  /** Reads into `buffer` from `position`; returns how many bytes, 0 at the end. May be fewer than asked for. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all of it, at `position` or else at the file's own position (its end with `append`). Arrays in one call. */
  write(data: Uint8Array | readonly Uint8Array[], position?: number): Promise<void>;
  /** Returns when the contents, and the size where it grew, are on the medium. */
  datasync(): Promise<void>;
  /** Present size in bytes. */
  size(): Promise<number>;
  /** Cuts or extends (with a hole) to `sizeBytes`. */
  truncate(sizeBytes: number): Promise<void>;
  /** Makes sure that the file has at least `sizeBytes` bytes with blocks behind them: writes zeros beyond its end. */
  preallocate(sizeBytes: number): Promise<void>;
  /** Closes; a second call does nothing. */
  close(): Promise<void>;
}

/** The disk. */
export interface Disk {
  /** Opens a file. `mode` counts only where it is made; default 0o600. */
  open(path: string, flags: OpenFlags, mode?: number): Promise<DiskFile>;
  /** Replaces `to` atomically. Durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Gives an existing file a second name; `already_exists` if that is taken. */
  link(existing: string, added: string): Promise<void>;
  /** Takes a name away; `not_found` if there is none. */
  unlink(path: string): Promise<void>;
  /** Names in a directory, sorted. */
  list(directory: string): Promise<string[]>;
  /** Makes a directory; with `recursive` the ones above too, and an existing one is fine. `mode` default 0o700. */
  mkdir(directory: string, options?: { readonly recursive?: boolean; readonly mode?: number }): Promise<void>;
  /** What is known of a path; undefined when there is none. */
  stat(path: string): Promise<DiskStat | undefined>;
  /** A whole file; undefined when there is none. For small files. */
  readFile(path: string): Promise<Uint8Array | undefined>;
  /** Returns when the names in the directory (created, renamed, removed) are on the medium. */
  syncDirectory(directory: string): Promise<void>;
  /** Bytes that we may still write on the file system of `path`. */
  freeBytes(path: string): Promise<number>;
  /** Removes a directory with all in it, or a file; nothing there is fine. */
  removeTree(path: string): Promise<void>;
}
