// A job's state and times, derived from how many of its tasks are in each state, so that a job of thousands of tasks moves without reading them.
//
//   queued <──> running ──> failed | lost | cancelled | succeeded        in this order: the first that any task is in
//      └──────────────────> (the same, when no task ever ran)
import type { JobState, TaskCounts, TaskState } from './job.ts';

/** No tasks in any state. */
export const noTasks: TaskCounts = {
  queued: 0,
  assigned: 0,
  running: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  lost: 0,
};

/** How many of these states there are of each kind. */
export function countTasks(states: Iterable<TaskState>): TaskCounts {
  const counts: Record<TaskState['kind'], number> = { ...noTasks };
  for (const state of states) counts[state.kind] += 1;
  return counts;
}

/** The counts after one task moved. */
export function recount(counts: TaskCounts, from: TaskState['kind'], to: TaskState['kind']): TaskCounts {
  if (from === to) return counts;
  return { ...counts, [from]: counts[from] - 1, [to]: counts[to] + 1 };
}

/** The state of a job with these tasks. A job without tasks is queued: nothing of it has ended. */
export function jobStateOf(counts: TaskCounts): JobState {
  const ended = counts.succeeded + counts.failed + counts.cancelled + counts.lost;
  const open = counts.queued + counts.assigned + counts.running;
  if (open > 0) return open === counts.queued && ended === 0 ? 'queued' : 'running';
  if (counts.failed > 0) return 'failed';
  if (counts.lost > 0) return 'lost';
  if (counts.cancelled > 0) return 'cancelled';
  return counts.succeeded > 0 ? 'succeeded' : 'queued';
}

/** Whether a job in this state has ended. */
export function jobHasEnded(state: JobState): boolean {
  return state !== 'waiting' && state !== 'queued' && state !== 'running';
}
