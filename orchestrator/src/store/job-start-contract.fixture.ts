// What every job store must do with submissions and permissions to start.
import { describe, expect, it } from '@jest/globals';
import { asJobId } from '@muster/common/ids/ids';
import { noTasks } from '../domain/job-state.ts';
import type { JobBench } from './job-bench.fixture.ts';
import { ids, newJob, nodeId, startOf } from './samples.fixture.ts';

/** Registers the tests of: submission. */
export function submissionContract(bench: JobBench): void {
  describe('submission', () => {
    it('keeps the job exactly as it was given', async () => {
      const job = newJob({ init: { labels: { team: 'a' }, stdin: new Uint8Array([0, 255]) } });
      const result = await bench.store.submit(job);
      expect(result).toMatchObject({ kind: 'stored', job: { id: job.id, state: 'queued', revision: 1 } });
      const read = await bench.jobNow(job);
      expect(read).toEqual(result.kind === 'stored' ? result.job : undefined);
      expect(read.spec).toEqual(job.spec);
      expect(read.tasks).toEqual([{ index: 0, state: { kind: 'queued' }, attempts: [] }]);
    });

    it('ends tasks of nodes that are out of contact at once', async () => {
      const job = await bench.submitted({
        tasks: [
          { kind: 'queued', nodeId },
          { kind: 'skipped_unreachable', nodeId, message: 'node n2 was out of contact' },
        ],
      });
      expect(job.taskCounts).toEqual({ ...noTasks, queued: 1, failed: 1 });
      expect(job.state).toBe('running');
      expect(job.tasks[1]?.state).toMatchObject({
        kind: 'failed',
        reason: 'skipped_unreachable',
        message: 'node n2 was out of contact',
      });
    });

    it('gives the same job for the same request id and spec', async () => {
      const first = await bench.submitted({ requestId: 'r1' });
      const again = await bench.store.submit(newJob({ requestId: 'r1' }));
      expect(again).toMatchObject({ kind: 'repeated', job: { id: first.id } });
    });

    it('gives one job for requests that come at the same time', async () => {
      const results = await Promise.all(
        Array.from({ length: 5 }, () => bench.store.submit(newJob({ requestId: 'r2' }))),
      );
      expect(results.map((each) => each.kind).sort()).toEqual([
        'repeated',
        'repeated',
        'repeated',
        'repeated',
        'stored',
      ]);
      const jobIds = results.map((each) => (each.kind === 'request_id_reused' ? each.kind : each.job.id));
      expect(new Set(jobIds).size).toBe(1);
    });

    it('refuses a request id that was used for another spec', async () => {
      await bench.submitted({ requestId: 'r3' });
      expect(await bench.store.submit(newJob({ requestId: 'r3', specDigest: 'd2' }))).toEqual({
        kind: 'request_id_reused',
      });
    });
  });
}

/** Registers the tests of: the permission to start. */
export function startContract(bench: JobBench): void {
  describe('the permission to start', () => {
    it('makes the task assigned and the attempt start_allowed', async () => {
      const job = await bench.submitted();
      const start = startOf(job);
      const result = await bench.store.allowStart(start);
      expect(result).toMatchObject({
        kind: 'allowed',
        job: { state: 'running', taskCounts: { assigned: 1 }, revision: 2 },
        attempt: {
          id: start.attemptId,
          number: 1,
          state: { kind: 'start_allowed' },
          startAllowedAtMs: 2_000,
          logComplete: false,
        },
      });
      expect((await bench.jobNow(job)).tasks[0]).toMatchObject({
        state: { kind: 'assigned' },
        attempts: [{ id: start.attemptId }],
      });
    });

    it('is given once only', async () => {
      const job = await bench.submitted();
      const both = await Promise.all([bench.store.allowStart(startOf(job)), bench.store.allowStart(startOf(job))]);
      expect(both.map((each) => each.kind)).toEqual(['allowed', 'not_queued']);
      expect((await bench.jobNow(job)).tasks[0]?.attempts).toHaveLength(1);
    });

    it('is not given for a task that is not there', async () => {
      expect(await bench.store.allowStart(startOf({ id: asJobId(ids.next()) }))).toEqual({ kind: 'not_queued' });
    });

    it('loses against a cancel that comes first', async () => {
      const job = await bench.submitted();
      const [cancel, start] = await Promise.all([
        bench.store.requestCancel(job.id, 5),
        bench.store.allowStart(startOf(job)),
      ]);
      expect(cancel).toMatchObject({ kind: 'requested', toStop: [], job: { state: 'cancelled', finishedAtMs: 5 } });
      expect(start).toEqual({ kind: 'not_queued' });
    });

    it('wins against a cancel that comes later, which then stops the attempt', async () => {
      const job = await bench.submitted();
      const [start, cancel] = await Promise.all([
        bench.store.allowStart(startOf(job)),
        bench.store.requestCancel(job.id, 5),
      ]);
      expect(start.kind).toBe('allowed');
      expect(cancel).toMatchObject({
        kind: 'requested',
        toStop: [{ stopRequested: 'cancel' }],
        job: { state: 'running', cancelRequestedAtMs: 5 },
      });
    });
  });
}
