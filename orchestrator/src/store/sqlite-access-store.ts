// API keys on SQLite. findKey is on the path of every call, so it is prepared.
import type { ApiKeyId } from '@muster/common/ids/ids';
import { and, count, desc, eq, lt, sql } from 'drizzle-orm';
import type { AccessStore, ApiKeyRecord } from '../access/access-store.ts';
import type { Orm } from './database.ts';
import type { GroupCommit } from './group-commit.ts';
import { reading } from './reading.ts';
import { apiKeys } from './schema.ts';

/** Makes the store; `commit` and `orm` are of the same database. */
export function makeSqliteAccessStore(orm: Orm, commit: GroupCommit): AccessStore {
  const byId = orm
    .select()
    .from(apiKeys)
    .where(eq(apiKeys.id, sql.placeholder('id')))
    .prepare();
  const find = (id: ApiKeyId): ApiKeyRecord | undefined => byId.get({ id });
  return {
    createKey: (key) => commit.run(() => void orm.insert(apiKeys).values(key).run()),
    findKey: (id) => reading(() => find(id)),
    listKeys: (limit, after) =>
      reading(() =>
        orm
          .select()
          .from(apiKeys)
          .where(after === undefined ? undefined : lt(apiKeys.id, after))
          .orderBy(desc(apiKeys.id))
          .limit(limit)
          .all(),
      ),
    revokeKey: (id) => commit.run(() => revoke(orm, find(id))),
    isEmpty: () => reading(() => orm.select({ id: apiKeys.id }).from(apiKeys).limit(1).get() === undefined),
  };
}

function revoke(orm: Orm, key: ApiKeyRecord | undefined): Awaited<ReturnType<AccessStore['revokeKey']>> {
  if (key === undefined) return { kind: 'not_found' };
  if (key.revoked) return { kind: 'revoked', key };
  if (key.role === 'admin' && activeAdmins(orm) <= 1) return { kind: 'last_admin' };
  orm.update(apiKeys).set({ revoked: true }).where(eq(apiKeys.id, key.id)).run();
  return { kind: 'revoked', key: { ...key, revoked: true } };
}

function activeAdmins(orm: Orm): number {
  const active = and(eq(apiKeys.role, 'admin'), eq(apiKeys.revoked, false));
  return orm.select({ count: count() }).from(apiKeys).where(active).get()?.count ?? 0;
}
