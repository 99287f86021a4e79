import { describe, expect, it } from '@jest/globals';
import { asJobId, type JobId } from '@muster/common/ids/ids';
import { JobFeed } from './job-feed.ts';

const jobOf = (n: number): JobId => asJobId(String(n).padStart(26, '0'));
const [one, two] = [jobOf(1), jobOf(2)];
const never = new AbortController().signal;

describe('a watcher of jobs', () => {
  it('gets many changes of a job as one, and each job that changed', async () => {
    const feed = new JobFeed();
    using watch = feed.watch(undefined);
    for (let change = 0; change < 5; change += 1) feed.notify(one);
    feed.notify(two);
    expect(await watch.next(never)).toEqual({ kind: 'jobs', ids: new Set([one, two]) });
  });

  it('waits until something changes after what it has seen', async () => {
    const feed = new JobFeed();
    using watch = feed.watch([one]);
    feed.notify(one);
    await watch.next(never);
    const next = watch.next(never);
    feed.notify(two);
    feed.notify(one);
    expect(await next).toEqual({ kind: 'jobs', ids: new Set([one]) });
  });

  it('of some jobs hears nothing of others, and one of all hears of each', async () => {
    const feed = new JobFeed();
    using some = feed.watch([one]);
    using all = feed.watch(undefined);
    feed.notify(two);
    expect(some.pending).toBe(false);
    expect(all.pending).toBe(true);
  });

  it('rejects with the reason of an abort, and keeps what changed for the next look', async () => {
    const feed = new JobFeed();
    using watch = feed.watch([one]);
    const stop = new AbortController();
    const waiting = watch.next(stop.signal);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    feed.notify(one);
    expect(await watch.next(never)).toEqual({ kind: 'jobs', ids: new Set([one]) });
  });

  it('is told to look at everything once more has changed than it may hold, and begins anew after', async () => {
    const feed = new JobFeed();
    using watch = feed.watch(undefined);
    for (let n = 0; n <= 100_000; n += 1) feed.notify(jobOf(n));
    feed.notify(one);
    expect(await watch.next(never)).toEqual({ kind: 'resync' });
    feed.notify(two);
    expect(await watch.next(never)).toEqual({ kind: 'jobs', ids: new Set([two]) });
  });

  it('is gone once it is disposed, also one that named a job twice', () => {
    const feed = new JobFeed();
    {
      using _all = feed.watch(undefined);
      using _some = feed.watch([one, two, one]);
      using _other = feed.watch([one]);
      expect(feed.size).toBe(3);
    }
    expect(feed.size).toBe(0);
    feed.notify(one);
  });
});
