// Opens the embedded store: the database, what identifies it, and every port that is implemented on it.
import type { Clock } from '@muster/common/clock/clock';
import type { Ids } from '@muster/common/ids/ids';
import { eq } from 'drizzle-orm';
import type { AccessStore } from '../access/access-store.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { EnrollmentStore } from '../pki/enrollment-store.ts';
import type { NodeStore } from '../sessions/node-store.ts';
import { type Orm, openDatabase } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { meta } from './schema.ts';
import { makeSqliteAccessStore } from './sqlite-access-store.ts';
import { makeSqliteEnrollmentStore } from './sqlite-enrollment-store.ts';
import { makeSqliteJobStore } from './sqlite-job-store.ts';
import { makeSqliteNodeStore } from './sqlite-node-store.ts';

/** What opening needs. */
export interface StoreOptions {
  /** Absolute; made if absent, and locked for this process while the store is open. */
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** The open store. Disposing commits what waits, closes the database and gives the directory free. */
export interface Store extends AsyncDisposable {
  readonly jobs: JobStore;
  readonly nodes: NodeStore;
  readonly enrollment: EnrollmentStore;
  readonly access: AccessStore;
  /** One higher at each open: an agent that has seen a higher one knows that this store is an old copy. */
  readonly epoch: number;
  /** A ULID made with the store; the trust domain of its certificates. */
  readonly clusterId: string;
}

/**
 * Opens it.
 * @throws AppError failed_precondition when another orchestrator has the directory or the schema is newer; data_loss when the store is damaged
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await openDatabase(options.dataDirectory));
  const commit = opened.use(new GroupCommit(database.client, options.clock));
  const identity = await commit.run(() => identify(database.orm, options.ids));
  const owned = opened.move();
  return {
    jobs: makeSqliteJobStore(database.orm, commit),
    nodes: makeSqliteNodeStore(database.orm, commit),
    enrollment: makeSqliteEnrollmentStore(database.orm, commit),
    access: makeSqliteAccessStore(database.orm, commit),
    ...identity,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function identify(orm: Orm, ids: Ids): { epoch: number; clusterId: string } {
  const epoch = Number(fact(orm, 'store_epoch') ?? '0') + 1;
  const clusterId = fact(orm, 'cluster_id') ?? ids.next();
  put(orm, 'store_epoch', String(epoch));
  put(orm, 'cluster_id', clusterId);
  return { epoch, clusterId };
}

function fact(orm: Orm, key: string): string | undefined {
  return orm.select({ value: meta.value }).from(meta).where(eq(meta.key, key)).get()?.value;
}

function put(orm: Orm, key: string, value: string): void {
  orm.insert(meta).values({ key, value }).onConflictDoUpdate({ target: meta.key, set: { value } }).run();
}
