// Lists of jobs, newest first. Each form walks an index from its end, so a page costs the same however many jobs there are.
import type { JobId } from '@muster/common/ids/ids';
import { and, desc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { JobState } from '../domain/job.ts';
import type { JobFilter } from '../jobs/job-store.ts';
import type { Orm } from './database.ts';
import type { JobRow } from './job-rows.ts';
import { jobLabels, jobs } from './schema.ts';

/** At most `limit` jobs that match, after `after`. */
export function listJobs(orm: Orm, filter: JobFilter, limit: number, after: JobId | undefined): readonly JobRow[] {
  const [first, ...others] = Object.entries(filter.matchLabels);
  if (first !== undefined) return byLabels(orm, filter.states, first, others, limit, after);
  if (filter.states.length === 0) return newest(orm, older(after), limit);
  // One walk per state along (state, id), merged: a single IN would sort every job in those states.
  const perState = [...new Set(filter.states)].flatMap((state) =>
    newest(orm, and(eq(jobs.state, state), older(after)), limit),
  );
  return perState.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
}

function newest(orm: Orm, where: SQL | undefined, limit: number): readonly JobRow[] {
  return orm.select().from(jobs).where(where).orderBy(desc(jobs.id)).limit(limit).all();
}

function older(after: JobId | undefined): SQL | undefined {
  return after === undefined ? undefined : lt(jobs.id, after);
}

function byLabels(
  orm: Orm,
  states: readonly JobState[],
  first: readonly [string, string],
  others: readonly (readonly [string, string])[],
  limit: number,
  after: JobId | undefined,
): readonly JobRow[] {
  const conditions = [
    eq(jobLabels.key, first[0]),
    eq(jobLabels.value, first[1]),
    ...(after === undefined ? [] : [lt(jobLabels.jobId, after)]),
    ...(states.length === 0 ? [] : [inArray(jobs.state, [...states])]),
    ...others.map(
      ([key, value]) =>
        sql`EXISTS (SELECT 1 FROM job_labels AS other WHERE other.job_id = ${jobs.id} AND other.key = ${key} AND other.value = ${value})`,
    ),
  ];
  const rows = orm
    .select({ job: jobs })
    .from(jobLabels)
    .crossJoin(jobs)
    .where(and(eq(jobs.id, jobLabels.jobId), ...conditions))
    .orderBy(desc(jobLabels.jobId))
    .limit(limit)
    .all();
  return rows.map((row) => row.job);
}
