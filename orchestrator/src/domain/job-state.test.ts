import { describe, expect, it } from '@jest/globals';
import type { JobState, TaskCounts } from './job.ts';
import { countTasks, jobHasEnded, jobStateOf, noTasks, recount } from './job-state.ts';

const rows: readonly (readonly [Partial<TaskCounts>, JobState])[] = [
  [{}, 'queued'],
  [{ queued: 1 }, 'queued'],
  [{ queued: 2, assigned: 1 }, 'running'],
  [{ running: 1 }, 'running'],
  [{ queued: 1, succeeded: 1 }, 'running'],
  [{ running: 1, failed: 1 }, 'running'],
  [{ succeeded: 2 }, 'succeeded'],
  [{ succeeded: 2, cancelled: 1 }, 'cancelled'],
  [{ succeeded: 2, cancelled: 1, lost: 1 }, 'lost'],
  [{ succeeded: 2, cancelled: 1, lost: 1, failed: 1 }, 'failed'],
];

describe('the state of a job', () => {
  for (const [counts, state] of rows) {
    it(`is ${state} with ${JSON.stringify(counts)}`, () => {
      expect(jobStateOf({ ...noTasks, ...counts })).toBe(state);
    });
  }

  it('has ended in the last four states only', () => {
    const all: readonly JobState[] = ['waiting', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost'];
    expect(all.filter(jobHasEnded)).toEqual(['succeeded', 'failed', 'cancelled', 'lost']);
  });

  it('follows its tasks one by one', () => {
    const before = countTasks([{ kind: 'queued' }, { kind: 'queued' }, { kind: 'running' }]);
    expect(before).toEqual({ ...noTasks, queued: 2, running: 1 });
    expect(recount(before, 'running', 'lost')).toEqual({ ...noTasks, queued: 2, lost: 1 });
    expect(recount(before, 'queued', 'queued')).toBe(before);
  });
});
