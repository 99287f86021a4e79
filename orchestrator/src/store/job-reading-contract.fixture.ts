// What every job store must find again.
import { describe, expect, it } from '@jest/globals';
import { asAttemptId, asJobId, asNodeId } from '@muster/common/ids/ids';
import type { Job } from '../domain/job.ts';
import type { JobBench } from './job-bench.fixture.ts';
import { ids, nodeId, startOf } from './samples.fixture.ts';

/** Registers the tests of: reading. */
export function readingContract(bench: JobBench): void {
  describe('reading', () => {
    it('finds an attempt with its task and job', async () => {
      const job = await bench.submitted({ tasks: [{ kind: 'queued' }, { kind: 'queued' }] });
      const start = await bench.started(job, 1);
      expect(await bench.store.findAttempt(start.attemptId)).toMatchObject({
        job: { id: job.id },
        task: { index: 1 },
        attempt: { number: 1 },
      });
      expect(await bench.store.findAttempt(asAttemptId(ids.next()))).toBeUndefined();
      expect(await bench.store.get(asJobId(ids.next()))).toBeUndefined();
    });

    it('names unfinished jobs oldest first, with their attempts', async () => {
      const [a, b, c] = [await bench.submitted(), await bench.submitted(), await bench.submitted()];
      await bench.store.requestCancel(b.id, 5);
      const start = await bench.started(c);
      const jobs = await bench.store.unfinished();
      expect(jobs.map((job) => job.id)).toEqual([a.id, c.id]);
      expect(jobs[1]).toEqual(await bench.jobNow(c));
      expect(jobs[1]?.tasks[0]?.attempts[0]?.id).toBe(start.attemptId);
    });

    it('names unsettled attempts of one node, or of all', async () => {
      const here = await bench.started(await bench.submitted());
      const elsewhere = startOf(await bench.submitted(), { nodeId: asNodeId(ids.next()) });
      await bench.store.allowStart(elsewhere);
      expect((await bench.store.unsettled(nodeId)).map((each) => each.attempt.id)).toEqual([here.attemptId]);
      expect(await bench.store.unsettled()).toHaveLength(2);
    });

    it('lists newest first, page by page', async () => {
      const jobs = [];
      for (let at = 0; at < 5; at += 1) jobs.push(await bench.submitted());
      const all = jobs.map((job) => job.id).reverse();
      const filter = { states: [], matchLabels: {} };
      const first = await bench.store.list(filter, 2, undefined);
      expect(first.jobs.map((job) => job.id)).toEqual(all.slice(0, 2));
      const second = await bench.store.list(filter, 2, first.next);
      const third = await bench.store.list(filter, 2, second.next);
      expect([...second.jobs, ...third.jobs].map((job) => job.id)).toEqual(all.slice(2));
      expect(third.next).toBeUndefined();
      expect((await bench.store.list(filter, 5, undefined)).next).toBeUndefined();
    });

    it('lists by states and labels together', async () => {
      const red = await bench.submitted({ init: { labels: { team: 'red', tier: '1' } } });
      const blue = await bench.submitted({ init: { labels: { team: 'blue', tier: '1' } } });
      const redToo = await bench.submitted({ init: { labels: { team: 'red', tier: '2' } } });
      await bench.store.requestCancel(redToo.id, 5);
      const list = async (states: readonly Job['state'][], matchLabels: Record<string, string>, after?: Job['id']) =>
        (await bench.store.list({ states, matchLabels }, 10, after)).jobs.map((job) => job.id);
      expect(await list([], { team: 'red' })).toEqual([redToo.id, red.id]);
      expect(await list([], { tier: '1', team: 'red' })).toEqual([red.id]);
      expect(await list(['queued'], { team: 'red' })).toEqual([red.id]);
      expect(await list(['cancelled', 'queued'], {})).toEqual([redToo.id, blue.id, red.id]);
      expect(await list(['cancelled', 'queued'], {}, redToo.id)).toEqual([blue.id, red.id]);
      expect(await list([], { team: 'red' }, redToo.id)).toEqual([red.id]);
      expect(await list(['running'], {})).toEqual([]);
      expect(await list([], { team: 'green' })).toEqual([]);
    });
  });
}
