/** What `run` says at the end beside the job's own output: nothing, where a program simply exited; else why. */
import { type Job, StoppedBy, type Task, TaskState } from '@muster/gen/muster/job/v1/status_pb';
import { cellText } from '../output/terminal-safe.ts';
import { showTaskEnd } from '../show/outcome.ts';
import { exitCodeOfTask } from './exit-code.ts';

/** Lines for standard error. */
export function resultNotes(job: Job): string[] {
  const bad = job.tasks.filter((task) => exitCodeOfTask(task) !== 0);
  if (job.tasks.length === 0) return [`job ${job.id} has no tasks: nothing was run`];
  if (job.tasks.length === 1) return bad.filter((task) => !isPlainExit(task)).map(describe);
  if (bad.length === 0) return [];
  return [`${bad.length} of ${job.tasks.length} tasks did not succeed:`, ...bad.map((task) => `  ${describe(task)}`)];
}

function describe(task: Task): string {
  const where = task.nodeName || task.attempts.at(-1)?.nodeName;
  const name = where === undefined || where === '' ? `task ${task.index}` : where;
  return cellText(`${name}: ${showTaskEnd(task)}`);
}

/** The program exited by itself: its own output says more than we could. */
function isPlainExit(task: Task): boolean {
  const end = task.attempts.at(-1)?.outcome?.outcome;
  return (
    task.state === TaskState.FAILED &&
    end?.case === 'ended' &&
    end.value.how.case === 'exited' &&
    end.value.stoppedBy === StoppedBy.UNSPECIFIED
  );
}
