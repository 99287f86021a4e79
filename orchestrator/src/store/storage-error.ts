// What SQLite says, as failures that callers and users can act on. The texts never hold values of a row: drizzle's own messages do.
import { AppError } from '@muster/common/errors/app-error';
import type { ErrorCode } from '@muster/common/errors/codes';

/** SQLite's own code, for example SQLITE_FULL; undefined for anything else. Looks through the errors that drizzle wraps. */
export function sqliteCodeOf(thrown: unknown): string | undefined {
  let at: unknown = thrown;
  // 4 links: drizzle wraps once.
  for (let depth = 0; depth < 4 && typeof at === 'object' && at !== null; depth += 1) {
    if ('code' in at && typeof at.code === 'string' && at.code.startsWith('SQLITE_')) return at.code;
    at = 'cause' in at ? at.cause : undefined;
  }
  return undefined;
}

const kinds: readonly (readonly [prefix: string, code: ErrorCode, message: string])[] = [
  [
    'SQLITE_FULL',
    'resource_exhausted',
    'the disk of the orchestrator is full; nothing was stored: free space, then try again',
  ],
  ['SQLITE_CORRUPT', 'data_loss', 'the store is damaged; stop the orchestrator and start it again to see what to do'],
  ['SQLITE_NOTADB', 'data_loss', 'the store is damaged; stop the orchestrator and start it again to see what to do'],
  [
    'SQLITE_IOERR',
    'unavailable',
    'the disk of the orchestrator fails; nothing was stored: look at the disk, then try again',
  ],
  ['SQLITE_NOMEM', 'unavailable', 'the orchestrator has no memory left for its store; nothing was stored'],
  ['SQLITE_CANTOPEN', 'unavailable', 'the orchestrator cannot open its store; nothing was stored'],
  ['SQLITE_READONLY', 'unavailable', 'the orchestrator may not write its store; nothing was stored'],
  [
    'SQLITE_BUSY',
    'unavailable',
    'another program holds the store locked; nothing was stored: close it, then try again',
  ],
  [
    'SQLITE_LOCKED',
    'unavailable',
    'another program holds the store locked; nothing was stored: close it, then try again',
  ],
];

/** The failure of the storage itself that this is; undefined when it is a fault of the one operation. */
export function storageFailureOf(thrown: unknown): AppError | undefined {
  const code = sqliteCodeOf(thrown);
  const kind = code === undefined ? undefined : kinds.find(([prefix]) => code.startsWith(prefix));
  return kind === undefined ? undefined : new AppError(kind[1], kind[2], { cause: thrown });
}

/** Any failure of a store operation as an AppError. */
export function storeErrorOf(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  return storageFailureOf(thrown) ?? new AppError('internal', 'the store could not do it', { cause: thrown });
}
