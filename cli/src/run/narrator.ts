/**
 * Tells the user why a followed job stands still: it waits, or its node is out of contact. Each thing once, until it
 * changes, and only when it lasts: every job waits for a moment.
 */
import type { Clock } from '@muster/common/clock/clock';
import { type Job, type Task, TaskState } from '@muster/gen/muster/job/v1/status_pb';
import { cellText } from '../output/terminal-safe.ts';

/** From when on a person wonders why nothing happens. */
const STANDSTILL_MS = 2_000;

/** Watches a job's states for what is worth telling. Dispose it when the job is not followed any more. */
export interface Narrator extends Disposable {
  /** To be called with each newer state. */
  see(job: Job): void;
}

/** A narrator for one job. */
export function makeNarrator(clock: Clock, note: (line: string) => Promise<void>): Narrator {
  const standing = new Map<number, { readonly line: string; readonly timer: Disposable }>();
  const see = (task: Task): void => {
    const line = standstill(task);
    const known = standing.get(task.index);
    if (line === known?.line) return;
    known?.timer[Symbol.dispose]();
    standing.delete(task.index);
    if (line === undefined) return;
    // A note that can not be written is lost alone: what matters is written elsewhere, and fails there.
    const timer = clock.schedule(STANDSTILL_MS, () => void note(line).catch(() => {}));
    standing.set(task.index, { line, timer });
  };
  return {
    see: (job) => job.tasks.forEach(see),
    [Symbol.dispose]: () => {
      for (const { timer } of standing.values()) timer[Symbol.dispose]();
    },
  };
}

function standstill(task: Task): string | undefined {
  const { state } = task;
  const attempt = task.attempts.at(-1);
  const isOpen = state === TaskState.QUEUED || state === TaskState.ASSIGNED || state === TaskState.RUNNING;
  if (isOpen && attempt?.unknown === true) {
    return `${cellText(attempt.nodeName)} is out of contact; its task may still be running there, waiting for the node`;
  }
  if (state !== TaskState.QUEUED || task.message === '') return undefined;
  return `task ${task.index} waits: ${cellText(task.message)}`;
}
