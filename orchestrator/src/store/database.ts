// The database file: one orchestrator at a time, write-ahead log, synced at every commit, checked before it is trusted.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { lockDirectory } from '@muster/common/disk/directory-lock';
import { AppError, errnoOf } from '@muster/common/errors/app-error';
import Database from 'better-sqlite3';
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from './migrate.ts';
import { sqliteCodeOf } from './storage-error.ts';

/** The typed side of the database. */
export type Orm = BetterSQLite3Database;

/** An open database. Disposing closes it and gives the directory free. */
export interface OpenDatabase extends AsyncDisposable {
  readonly orm: Orm;
  readonly client: Database.Database;
}

const FILE = 'muster.db';
/** Only backups and people with sqlite3 hold the file besides us; they are done within this. */
const BUSY_TIMEOUT_MS = 5_000;
/** The log is cut to this after a checkpoint: larger than any batch of commits, small beside the database. */
const LOG_LIMIT_BYTES = 64 * 1024 * 1024;
/** Page cache. Negative: KiB. */
const CACHE_KIB = -32 * 1024;

/**
 * Opens `dataDirectory`/muster.db, which is made if absent, and applies missing migrations.
 * @throws AppError failed_precondition when another orchestrator has it, it cannot be written, or its schema is newer; data_loss when it is damaged
 */
export async function openDatabase(dataDirectory: string): Promise<OpenDatabase> {
  makeDirectory(dataDirectory);
  await using opened = new AsyncDisposableStack();
  opened.use(await lockDirectory(dataDirectory));
  const path = join(dataDirectory, FILE);
  const client = opened.adopt(openFile(path), (file) => {
    file.close();
  });
  guarded(path, () => {
    configure(client);
    requireSound(client);
    migrate(client);
  });
  const owned = opened.move();
  return { orm: drizzle(client), client, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const why = errnoOf(error) ?? 'unknown reason';
    const text = `the data directory ${path} can not be made (${why}); give a directory this user may write with --data-dir`;
    throw new AppError('failed_precondition', text, { cause: error });
  }
}

function openFile(path: string): Database.Database {
  // SQLite gives the log files the mode of the database, so this one call keeps all of them private.
  closeSync(openSync(path, 'a', 0o600));
  return guarded(path, () => new Database(path, { timeout: BUSY_TIMEOUT_MS }));
}

function configure(client: Database.Database): void {
  client.pragma('journal_mode = WAL');
  client.pragma('synchronous = FULL');
  client.pragma('foreign_keys = ON');
  client.pragma('trusted_schema = OFF');
  client.pragma(`journal_size_limit = ${LOG_LIMIT_BYTES}`);
  client.pragma(`cache_size = ${CACHE_KIB}`);
}

function requireSound(client: Database.Database): void {
  const answer = client.pragma('quick_check(1)', { simple: true });
  if (answer !== 'ok') throw damaged(client.name, String(answer));
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = sqliteCodeOf(error);
    if (code?.startsWith('SQLITE_CORRUPT') === true || code === 'SQLITE_NOTADB') throw damaged(path, code, error);
    if (error instanceof AppError) throw error;
    throw new AppError('unavailable', `cannot open the store ${path}: ${code ?? String(error)}`, { cause: error });
  }
}

function damaged(path: string, detail: string, cause?: unknown): AppError {
  const todo = `stop here and restore a backup of the data directory; without one, move ${FILE}, ${FILE}-wal and ${FILE}-shm away to begin with an empty store (jobs, nodes and keys are then gone, nodes enrol anew)`;
  return new AppError('data_loss', `the store ${path} is damaged (${detail}): ${todo}`, { cause });
}
