// What every job store must do with cancels and with tasks that give up waiting.
import { describe, expect, it } from '@jest/globals';
import { asJobId } from '@muster/common/ids/ids';
import type { JobBench } from './job-bench.fixture.ts';
import { exited, ids, reportOf } from './samples.fixture.ts';

/** Registers the tests of: a cancel. */
export function cancelContract(bench: JobBench): void {
  describe('a cancel', () => {
    it('ends what is queued and stops what may run', async () => {
      const job = await bench.submitted({ tasks: [{ kind: 'queued' }, { kind: 'queued' }, { kind: 'queued' }] });
      const start = await bench.started(job, 1);
      const result = await bench.store.requestCancel(job.id, 5);
      expect(result).toMatchObject({
        kind: 'requested',
        job: { taskCounts: { cancelled: 2, assigned: 1 } },
        toStop: [{ id: start.attemptId }],
      });
      expect((await bench.jobNow(job)).tasks.map((task) => task.state.kind)).toEqual([
        'cancelled',
        'assigned',
        'cancelled',
      ]);
    });

    it('changes nothing when repeated, and names what is still to be stopped', async () => {
      const job = await bench.submitted();
      await bench.started(job);
      await bench.store.requestCancel(job.id, 5);
      const before = await bench.jobNow(job);
      expect(await bench.store.requestCancel(job.id, 6)).toMatchObject({
        kind: 'requested',
        toStop: [{ stopRequested: 'cancel' }],
      });
      expect(await bench.jobNow(job)).toEqual(before);
    });

    it('finds a job that has ended, or none', async () => {
      const job = await bench.submitted();
      await bench.store.recordStatus(reportOf(await bench.started(job), exited(0)));
      expect(await bench.store.requestCancel(job.id, 5)).toMatchObject({
        kind: 'already_ended',
        job: { state: 'succeeded' },
      });
      expect(await bench.store.requestCancel(asJobId(ids.next()), 5)).toEqual({ kind: 'not_found' });
    });
  });
}

/** Registers the tests of: a queued task. */
export function queuedTaskContract(bench: JobBench): void {
  describe('a queued task', () => {
    it('can end by its queue timeout, once', async () => {
      const job = await bench.submitted();
      const ended = await bench.store.endQueuedTask(job.id, 0, 'queue_timeout', 'waited longer than 5 s', 9);
      expect(ended).toMatchObject({ state: 'failed', finishedAtMs: 9 });
      expect((await bench.jobNow(job)).tasks[0]?.state).toEqual({
        kind: 'failed',
        reason: 'queue_timeout',
        message: 'waited longer than 5 s',
        endedAtMs: 9,
      });
      expect(await bench.store.endQueuedTask(job.id, 0, 'queue_timeout', 'again', 10)).toBeUndefined();
    });

    it('can fail by a refusal, but not once it is assigned', async () => {
      const refused = await bench.submitted();
      expect(await bench.store.failQueuedTask(refused.id, 0, 'no bash there', 9)).toMatchObject({ state: 'failed' });
      const assigned = await bench.submitted();
      await bench.started(assigned);
      expect(await bench.store.failQueuedTask(assigned.id, 0, 'no bash there', 9)).toBeUndefined();
    });

    it('says why it waits until it is assigned', async () => {
      const job = await bench.submitted();
      await bench.store.noteWaiting(job.id, 0, 'no node is online');
      await bench.submitted();
      expect((await bench.jobNow(job)).tasks[0]?.state).toEqual({ kind: 'queued', message: 'no node is online' });
      await bench.started(job);
      await bench.store.noteWaiting(job.id, 0, 'too late');
      await bench.submitted();
      expect((await bench.jobNow(job)).tasks[0]?.state).toEqual({ kind: 'assigned' });
    });
  });
}
