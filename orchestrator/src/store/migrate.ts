// Brings a database to the schema that this version knows: migrations/NNNN_name.sql, each once, each in a transaction with its number.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '@muster/common/errors/app-error';
import type { Database } from 'better-sqlite3';

// The same from src/store and from dist/store.
const migrationsDirectory = fileURLToPath(new URL('../../migrations/', import.meta.url));

/** "Mstr": marks a file as ours, so that another program's database is never altered. */
const APPLICATION_ID = 0x4d737472;

interface Migration {
  readonly version: number;
  readonly statements: string;
}

/** The migrations of this version, in order. */
function migrations(): readonly Migration[] {
  return readdirSync(migrationsDirectory)
    .filter((name) => /^\d{4}_.*\.sql$/.test(name))
    .sort()
    .map((name) => ({
      version: Number(name.slice(0, 4)),
      statements: readFileSync(join(migrationsDirectory, name), 'utf8'),
    }));
}

/**
 * Applies what is missing.
 * @throws AppError failed_precondition when the schema is newer than this version, or the file is another program's
 */
export function migrate(client: Database): void {
  const known = migrations();
  const newest = known.at(-1)?.version ?? 0;
  if (newest === 0)
    throw new AppError('internal', `no migrations in ${migrationsDirectory}; this installation is not whole`);
  const present = numberPragma(client, 'user_version');
  requireOurs(client, present);
  if (present > newest) {
    throw new AppError(
      'failed_precondition',
      `the store was written by a newer Muster (schema ${present}, this version knows ${newest}); start that version, or restore a backup made before`,
    );
  }
  for (const migration of known) {
    if (migration.version > present) apply(client, migration);
  }
}

function requireOurs(client: Database, schemaVersion: number): void {
  const applicationId = numberPragma(client, 'application_id');
  if (applicationId === APPLICATION_ID) return;
  const tables = client.prepare('SELECT count(*) AS count FROM sqlite_schema').pluck().get();
  if (applicationId === 0 && schemaVersion === 0 && tables === 0) return;
  throw new AppError(
    'failed_precondition',
    `${client.name} is the database of another program; give Muster a data directory of its own`,
  );
}

function apply(client: Database, migration: Migration): void {
  client.transaction(() => {
    client.exec(migration.statements);
    client.pragma(`application_id = ${APPLICATION_ID}`);
    client.pragma(`user_version = ${migration.version}`);
  })();
}

function numberPragma(client: Database, name: string): number {
  const value = client.pragma(name, { simple: true });
  return typeof value === 'number' ? value : 0;
}
