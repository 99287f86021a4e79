import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { asJobId, asNodeId } from '@muster/common/ids/ids';
import { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { WaitingQueue, type WaitingTask } from './waiting-queue.ts';

const jobId = (letter: string) => asJobId(letter.repeat(26).replace(/^./, '0'));
const nodeId = asNodeId('0'.repeat(26));

function task(job: string, index: number, more: Partial<WaitingTask> = {}): WaitingTask {
  return {
    jobId: jobId(job),
    taskIndex: index,
    spec: create(JobSpecSchema),
    priority: 50,
    submittedAtMs: 0,
    requirement: { selector: { from: job }, nodeIds: new Set(), workloadKind: 'process' },
    avoid: new Map(),
    ...more,
  };
}

function drained(queue: WaitingQueue, fits: (task: WaitingTask) => boolean): string[] {
  const order: string[] = [];
  queue.drain((each) => {
    if (!fits(each)) return false;
    order.push(`${each.jobId.at(-1)}${each.taskIndex}`);
    return true;
  });
  return order;
}

describe('the queue', () => {
  it('lets jobs of one priority take turns, the oldest first', () => {
    const queue = new WaitingQueue();
    for (const each of [task('b', 0), task('b', 1), task('b', 2), task('a', 0), task('a', 1)]) queue.add(each);
    expect(drained(queue, () => true)).toEqual(['a0', 'b0', 'a1', 'b1', 'b2']);
    expect(queue.size).toBe(0);
  });

  it('serves a higher priority completely before a lower one', () => {
    const queue = new WaitingQueue();
    for (const each of [task('a', 0), task('b', 0, { priority: 60 }), task('b', 1, { priority: 60 })]) queue.add(each);
    expect(drained(queue, () => true)).toEqual(['b0', 'b1', 'a0']);
  });

  it('tries only one task of those that need the same when nothing fits it', () => {
    const queue = new WaitingQueue();
    for (let index = 0; index < 100; index += 1) queue.add(task('a', index));
    let tries = 0;
    queue.drain(() => {
      tries += 1;
      return false;
    });
    expect(tries).toBe(1);
    expect(queue.size).toBe(100);
  });

  it('keeps what does not fit and takes what does', () => {
    const queue = new WaitingQueue();
    for (const each of [task('a', 0), task('b', 0)]) queue.add(each);
    expect(drained(queue, (each) => each.jobId === jobId('b'))).toEqual(['b0']);
    expect(queue.get(jobId('a'), 0)).toBeDefined();
  });

  it('forgets the refusals of a node that came back', () => {
    const queue = new WaitingQueue();
    queue.add(task('a', 0, { avoid: new Map([[nodeId, 'no']]) }));
    queue.forgetRefusals(nodeId);
    expect(queue.get(jobId('a'), 0)?.avoid.size).toBe(0);
  });

  it('names the tasks whose queue timeout has passed, and no removed ones', () => {
    const queue = new WaitingQueue();
    const spec = create(JobSpecSchema, { timeouts: { queue: durationFromMs(1000) } });
    queue.add(task('a', 0, { spec }));
    queue.add(task('a', 1, { spec }));
    queue.add(task('b', 0));
    queue.remove(jobId('a'), 1);
    expect(queue.overdue(999)).toEqual([]);
    expect(queue.overdue(1000).map((each) => each.taskIndex)).toEqual([0]);
  });
});
