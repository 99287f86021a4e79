// The prepared statements of the job tables, each as a typed function. They run inside a transaction of group-commit.ts, or as single reads.
import type { AttemptId, JobId, NodeId } from '@muster/common/ids/ids';
import { and, asc, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { Orm } from './database.ts';
import type { AttemptRow, JobRow, TaskRow } from './job-rows.ts';
import { attempts, jobLabels, jobSpecs, jobs, tasks } from './schema.ts';

const value = sql.placeholder;

/** A value of an update; JSON and booleans are given in their stored form. */
function bound(name: string): SQL {
  return sql`${sql.placeholder(name)}`;
}

/** Statements about jobs. */
export function jobStatements(orm: Orm) {
  const byId = orm
    .select()
    .from(jobs)
    .where(eq(jobs.id, value('id')))
    .prepare();
  const byRequest = orm
    .select()
    .from(jobs)
    .where(eq(jobs.requestId, value('requestId')))
    .prepare();
  const unfinished = orm.select().from(jobs).where(isNull(jobs.finishedAtMs)).orderBy(asc(jobs.id)).prepare();
  const spec = orm
    .select({ spec: jobSpecs.spec })
    .from(jobSpecs)
    .where(eq(jobSpecs.jobId, value('id')))
    .prepare();
  const insertSpec = orm
    .insert(jobSpecs)
    .values({ jobId: value('jobId'), spec: value('spec') })
    .prepare();
  const insertLabel = orm
    .insert(jobLabels)
    .values({ jobId: value('jobId'), key: value('key'), value: value('value') })
    .prepare();
  const insert = prepareJobInsert(orm);
  const update = prepareJobUpdate(orm);
  const bump = orm
    .update(jobs)
    .set({ revision: sql`${jobs.revision} + 1` })
    .where(eq(jobs.id, value('id')))
    .prepare();
  return {
    byId: (id: JobId): JobRow | undefined => byId.get({ id }),
    byRequest: (requestId: string): JobRow | undefined => byRequest.get({ requestId }),
    unfinished: (): readonly JobRow[] => unfinished.all(),
    specBytes: (id: JobId): Uint8Array | undefined => spec.get({ id })?.spec,
    insert: (row: JobRow): void => void insert.run(row),
    insertSpec: (jobId: JobId, bytes: Uint8Array): void =>
      void insertSpec.run({ jobId, spec: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) }),
    insertLabel: (jobId: JobId, key: string, text: string): void => void insertLabel.run({ jobId, key, value: text }),
    update: (row: JobRow): void => void update.run(row),
    /** Counts a change that does not show in the row. */
    bump: (id: JobId): void => void bump.run({ id }),
  };
}

function prepareJobInsert(orm: Orm) {
  return orm
    .insert(jobs)
    .values({
      id: value('id'),
      state: value('state'),
      queued: value('queued'),
      assigned: value('assigned'),
      running: value('running'),
      succeeded: value('succeeded'),
      failed: value('failed'),
      cancelled: value('cancelled'),
      lost: value('lost'),
      submittedAtMs: value('submittedAtMs'),
      startedAtMs: value('startedAtMs'),
      finishedAtMs: value('finishedAtMs'),
      cancelRequestedAtMs: value('cancelRequestedAtMs'),
      submittedBy: value('submittedBy'),
      requestId: value('requestId'),
      specDigest: value('specDigest'),
      revision: value('revision'),
    })
    .prepare();
}

function prepareJobUpdate(orm: Orm) {
  return orm
    .update(jobs)
    .set({
      state: bound('state'),
      queued: bound('queued'),
      assigned: bound('assigned'),
      running: bound('running'),
      succeeded: bound('succeeded'),
      failed: bound('failed'),
      cancelled: bound('cancelled'),
      lost: bound('lost'),
      startedAtMs: bound('startedAtMs'),
      finishedAtMs: bound('finishedAtMs'),
      cancelRequestedAtMs: bound('cancelRequestedAtMs'),
      revision: bound('revision'),
    })
    .where(eq(jobs.id, value('id')))
    .prepare();
}

/** Statements about tasks. */
export function taskStatements(orm: Orm) {
  const one = and(eq(tasks.jobId, value('jobId')), eq(tasks.index, value('index')));
  const queuedOfJob = and(eq(tasks.jobId, value('jobId')), eq(tasks.state, 'queued'));
  const byIndex = orm.select().from(tasks).where(one).prepare();
  const ofJob = orm
    .select()
    .from(tasks)
    .where(eq(tasks.jobId, value('jobId')))
    .orderBy(asc(tasks.index))
    .prepare();
  const insert = orm
    .insert(tasks)
    .values({
      jobId: value('jobId'),
      index: value('index'),
      state: value('state'),
      message: value('message'),
      endReason: value('endReason'),
      endedAtMs: value('endedAtMs'),
      nodeId: value('nodeId'),
      attemptCount: value('attemptCount'),
    })
    .prepare();
  const changed = {
    state: bound('state'),
    message: bound('message'),
    endReason: bound('endReason'),
    endedAtMs: bound('endedAtMs'),
  };
  const update = orm
    .update(tasks)
    .set({ ...changed, attemptCount: bound('attemptCount') })
    .where(one)
    .prepare();
  const endQueued = orm.update(tasks).set(changed).where(queuedOfJob).prepare();
  const note = orm
    .update(tasks)
    .set({ message: bound('message') })
    .where(and(one, eq(tasks.state, 'queued'), sql`${tasks.message} IS NOT ${value('message')}`))
    .prepare();
  return {
    byIndex: (jobId: JobId, index: number): TaskRow | undefined => byIndex.get({ jobId, index }),
    ofJob: (jobId: JobId): readonly TaskRow[] => ofJob.all({ jobId }),
    insert: (row: TaskRow): void => void insert.run(row),
    update: (row: TaskRow): void => void update.run(row),
    /** Gives all queued tasks of a job another state; the row's own index and attempts do not count. Returns how many there were. */
    moveQueued: (row: TaskRow): number => endQueued.run(row).changes,
    /** True: the task is queued and had another message. */
    note: (jobId: JobId, index: number, message: string): boolean => note.run({ jobId, index, message }).changes > 0,
  };
}

/** Statements about attempts. */
export function attemptStatements(orm: Orm) {
  const newestLast = [asc(attempts.taskIndex), asc(attempts.number)];
  const ofTaskRows = and(eq(attempts.jobId, value('jobId')), eq(attempts.taskIndex, value('taskIndex')));
  const unsettledRows = sql`${attempts.logComplete} = 0`;
  const byId = orm
    .select()
    .from(attempts)
    .where(eq(attempts.id, value('id')))
    .prepare();
  const ofTask = orm.select().from(attempts).where(ofTaskRows).orderBy(asc(attempts.number)).prepare();
  const ofJob = orm
    .select()
    .from(attempts)
    .where(eq(attempts.jobId, value('jobId')))
    .orderBy(...newestLast)
    .prepare();
  // By node first: that is the order of the partial index, and without it every attempt ever made would be read.
  const unsettled = orm
    .select()
    .from(attempts)
    .where(unsettledRows)
    .orderBy(asc(attempts.nodeId), asc(attempts.id))
    .prepare();
  const unsettledOfNode = orm
    .select()
    .from(attempts)
    .where(and(eq(attempts.nodeId, value('nodeId')), unsettledRows))
    .orderBy(asc(attempts.id))
    .prepare();
  const insert = prepareAttemptInsert(orm);
  const update = orm
    .update(attempts)
    .set({
      state: bound('state'),
      stopRequested: bound('stopRequested'),
      streams: bound('streams'),
      logComplete: bound('logComplete'),
    })
    .where(eq(attempts.id, value('id')))
    .prepare();
  return {
    byId: (id: AttemptId): AttemptRow | undefined => byId.get({ id }),
    ofTask: (jobId: JobId, taskIndex: number): readonly AttemptRow[] => ofTask.all({ jobId, taskIndex }),
    ofJob: (jobId: JobId): readonly AttemptRow[] => ofJob.all({ jobId }),
    unsettled: (nodeId: NodeId | undefined): readonly AttemptRow[] =>
      nodeId === undefined ? unsettled.all() : unsettledOfNode.all({ nodeId }),
    insert: (row: AttemptRow): void => void insert.run(row),
    update: (row: AttemptRow): void =>
      void update.run({
        id: row.id,
        state: JSON.stringify(row.state),
        stopRequested: row.stopRequested,
        streams: JSON.stringify(row.streams),
        logComplete: row.logComplete ? 1 : 0,
      }),
  };
}

function prepareAttemptInsert(orm: Orm) {
  return orm
    .insert(attempts)
    .values({
      id: value('id'),
      jobId: value('jobId'),
      taskIndex: value('taskIndex'),
      number: value('number'),
      nodeId: value('nodeId'),
      ledgerId: value('ledgerId'),
      bootId: value('bootId'),
      state: value('state'),
      stopRequested: value('stopRequested'),
      startAllowedAtMs: value('startAllowedAtMs'),
      streams: value('streams'),
      logComplete: value('logComplete'),
    })
    .prepare();
}
