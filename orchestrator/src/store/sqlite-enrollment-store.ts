// Join tokens and enrolment on SQLite. Rare next to jobs, so statements are not prepared ahead.
import { desc, eq, lt } from 'drizzle-orm';
import type { EnrollmentStore, JoinTokenRecord } from '../pki/enrollment-store.ts';
import type { Orm } from './database.ts';
import { issue } from './enrollment-issue.ts';
import type { GroupCommit } from './group-commit.ts';
import { reading } from './reading.ts';
import { joinTokens } from './schema.ts';

/** Makes the store; `commit` and `orm` are of the same database. */
export function makeSqliteEnrollmentStore(orm: Orm, commit: GroupCommit): EnrollmentStore {
  return {
    createToken: (token) =>
      commit.run(() => {
        orm
          .insert(joinTokens)
          .values({ ...token, usesLeft: token.usesLeft ?? null })
          .run();
      }),
    listTokens: (limit, after) =>
      reading(() =>
        orm
          .select()
          .from(joinTokens)
          .where(after === undefined ? undefined : lt(joinTokens.id, after))
          .orderBy(desc(joinTokens.id))
          .limit(limit)
          .all()
          .map(tokenOf),
      ),
    revokeToken: (id) =>
      commit.run(() => {
        const row = orm.update(joinTokens).set({ revoked: true }).where(eq(joinTokens.id, id)).returning().get();
        return row === undefined ? undefined : tokenOf(row);
      }),
    issue: (request) => commit.run(() => issue(orm, request)),
  };
}

function tokenOf({ usesLeft, ...row }: typeof joinTokens.$inferSelect): JoinTokenRecord {
  return usesLeft === null ? row : { ...row, usesLeft };
}
