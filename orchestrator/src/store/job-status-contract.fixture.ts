// What every job store must do with reports about attempts, losses, stops and logs.
import { describe, expect, it } from '@jest/globals';
import { asAttemptId, asNodeId } from '@muster/common/ids/ids';
import type { JobBench } from './job-bench.fixture.ts';
import { exited, ids, neverStarted, nodeId, reportOf, running, startOf } from './samples.fixture.ts';

/** Registers the tests of: a status. */
export function statusContract(bench: JobBench): void {
  describe('a status', () => {
    it('moves attempt, task and job, to the end', async () => {
      const job = await bench.submitted();
      const start = await bench.started(job);
      expect(await bench.store.recordStatus(reportOf(start, running))).toMatchObject({
        kind: 'moved',
        requeued: false,
        job: { state: 'running', startedAtMs: 3_000 },
        task: { state: { kind: 'running' } },
      });
      const end = exited(0, {
        usage: { cpuUserMs: 1, cpuSystemMs: 2, peakMemoryBytes: 3, wallMs: 4 },
        pid: 7,
        startedAtMs: 2_500,
      });
      const lengths = [{ run: 1, stream: 'stdout', lengthBytes: 11 }] as const;
      const result = await bench.store.recordStatus(reportOf(start, end, { streamLengths: lengths, atMs: 4_000 }));
      expect(result).toMatchObject({ kind: 'moved', job: { state: 'succeeded', finishedAtMs: 4_000 } });
      const read = await bench.jobNow(job);
      expect(read.tasks[0]?.state).toEqual({ kind: 'succeeded', endedAtMs: 4_000 });
      expect(read.tasks[0]?.attempts[0]).toMatchObject({
        state: end,
        streams: [{ producedBytes: 11, storedBytes: 0 }],
        logComplete: false,
      });
      expect(read.revision).toBe(4);
    });

    it('never lowers the rank', async () => {
      const start = await bench.started(await bench.submitted());
      await bench.store.recordStatus(reportOf(start, running));
      const late = await bench.store.recordStatus(reportOf(start, { kind: 'preparing', phase: 'late' }));
      expect(late).toMatchObject({ kind: 'ignored', attempt: { state: { kind: 'running' } } });
      const again = await bench.store.recordStatus(reportOf(start, { kind: 'running', pid: 8, startedAtMs: 1 }));
      expect(again).toMatchObject({ kind: 'ignored', attempt: { state: { pid: 7 } } });
    });

    it('does not change an end', async () => {
      const start = await bench.started(await bench.submitted());
      await bench.store.recordStatus(reportOf(start, exited(3)));
      expect(await bench.store.recordStatus(reportOf(start, exited(0)))).toMatchObject({
        kind: 'ignored',
        job: { state: 'failed' },
      });
    });

    it('is unknown from another node, and for no attempt', async () => {
      const start = await bench.started(await bench.submitted());
      const other = asNodeId(ids.next());
      expect(await bench.store.recordStatus(reportOf(start, running, { nodeId: other }))).toEqual({ kind: 'unknown' });
      expect(
        await bench.store.recordStatus(reportOf({ ...start, attemptId: asAttemptId(ids.next()) }, running)),
      ).toEqual({
        kind: 'unknown',
      });
    });

    it('takes the length of the run from it, when its end is the first that is heard of it', async () => {
      const start = await bench.started(await bench.submitted());
      const end = exited(0, { usage: { cpuUserMs: 0, cpuSystemMs: 0, wallMs: 700 } });
      expect(await bench.store.recordStatus(reportOf(start, end))).toMatchObject({
        job: { startedAtMs: 2_300, finishedAtMs: 3_000 },
      });
    });

    it('puts a task that never began back into the queue, as a settled attempt', async () => {
      const job = await bench.submitted();
      const first = await bench.started(job);
      const result = await bench.store.recordStatus(reportOf(first, neverStarted));
      expect(result).toMatchObject({
        kind: 'moved',
        requeued: true,
        attempt: { logComplete: true },
        job: { state: 'queued' },
      });
      expect(await bench.store.unsettled()).toEqual([]);
      const second = startOf(job);
      expect(await bench.store.allowStart(second)).toMatchObject({ kind: 'allowed', attempt: { number: 2 } });
      const read = await bench.jobNow(job);
      expect(read.tasks[0]?.attempts.map((attempt) => attempt.number)).toEqual([1, 2]);
      expect(await bench.store.recordStatus(reportOf(second, exited(0)))).toMatchObject({
        task: { attempts: [{}, {}] },
      });
    });

    it('cancels a task that never began, where that was asked for', async () => {
      const job = await bench.submitted();
      const start = await bench.started(job);
      await bench.store.requestCancel(job.id, 5);
      expect(await bench.store.recordStatus(reportOf(start, neverStarted))).toMatchObject({
        requeued: false,
        job: { state: 'cancelled' },
      });
    });
  });
}

/** Registers the tests of: loss, a stop for another reason, a log. */
export function settlingContract(bench: JobBench): void {
  describe('loss', () => {
    it('closes attempts that have not ended, and lets an end be', async () => {
      const [lost, done] = [await bench.submitted(), await bench.submitted()];
      const [lostStart, doneStart] = [await bench.started(lost), await bench.started(done)];
      await bench.store.recordStatus(reportOf(doneStart, exited(0)));
      const attemptIds = [lostStart.attemptId, doneStart.attemptId, asAttemptId(ids.next())];
      const results = await bench.store.closeAsLost(attemptIds, 'ledger_changed', 'another ledger came', 9);
      expect(results.map((each) => each.kind)).toEqual(['moved', 'ignored', 'unknown']);
      expect(await bench.jobNow(lost)).toMatchObject({ state: 'lost', finishedAtMs: 9 });
      expect(await bench.jobNow(done)).toMatchObject({ state: 'succeeded' });
    });

    it('keeps the lengths of streams that come later, so that the log can be completed', async () => {
      const start = await bench.started(await bench.submitted());
      await bench.store.closeAsLost([start.attemptId], 'node_rebooted', 'it restarted', 9);
      const streamLengths = [{ run: 1, stream: 'stderr', lengthBytes: 5 }] as const;
      const late = await bench.store.recordStatus(reportOf(start, exited(0), { streamLengths }));
      expect(late).toMatchObject({
        kind: 'ignored',
        attempt: { streams: [{ stream: 'stderr', producedBytes: 5 }] },
        job: { state: 'lost' },
      });
    });
  });

  describe('a stop for another reason', () => {
    it('is kept on the attempt, gives way to a cancel, and comes too late after an end', async () => {
      const job = await bench.submitted();
      const start = await bench.started(job);
      expect(await bench.store.requestStop(start.attemptId, 'drain')).toMatchObject({ stopRequested: 'drain' });
      expect(await bench.store.requestStop(start.attemptId, 'lease')).toMatchObject({ stopRequested: 'drain' });
      expect(await bench.store.requestCancel(job.id, 5)).toMatchObject({ toStop: [{ stopRequested: 'cancel' }] });
      await bench.store.recordStatus(reportOf(start, exited(0)));
      expect(await bench.store.requestStop(start.attemptId, 'drain')).toBeUndefined();
      expect(await bench.store.requestStop(asAttemptId(ids.next()), 'drain')).toBeUndefined();
    });
  });

  describe('a log', () => {
    it('settles the attempt when it is complete, after the end only', async () => {
      const job = await bench.submitted();
      const start = await bench.started(job);
      const streams = [{ run: 1, stream: 'stdout', storedBytes: 7, missingBytes: 4, producedBytes: 11 }] as const;
      expect((await bench.store.completeLog(start.attemptId, streams)).kind).toBe('ignored');
      await bench.store.recordStatus(reportOf(start, exited(0)));
      expect(await bench.store.unsettled(nodeId)).toMatchObject([{ jobId: job.id, attempt: { id: start.attemptId } }]);
      expect(await bench.store.completeLog(start.attemptId, streams)).toMatchObject({
        kind: 'moved',
        attempt: { logComplete: true, streams },
      });
      expect(await bench.store.unsettled(nodeId)).toEqual([]);
      const before = await bench.jobNow(job);
      expect((await bench.store.completeLog(start.attemptId, [])).kind).toBe('ignored');
      expect(await bench.jobNow(job)).toEqual(before);
    });
  });
}
