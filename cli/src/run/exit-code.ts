/**
 * The exit code of `muster run`: as if the job's programs had been started here.
 *
 *   one task       its exit code; 128 + n where signal n ended it (137 for out of memory, which is SIGKILL)
 *   several tasks  the largest of theirs
 *   125            Muster could not run it, lost it, or stopped it and it still exited with 0
 */
import { type Job, type Task, TaskState } from '@muster/gen/muster/job/v1/status_pb';

/** Muster itself failed: not run, lost, refused, not reachable. The same number as Docker's, for the same reason. */
export const EXIT_MUSTER = 125;
/** Ended by Ctrl-C: 128 + SIGINT. */
export const EXIT_INTERRUPTED = 130;
/** Wrong use of the command. */
export const EXIT_USAGE = 2;

const SIGNAL_BASE = 128;
const SIGKILL = 9;

/** The exit code for a job that has ended. */
export function exitCodeOfJob(job: Job): number {
  if (job.tasks.length === 0) return EXIT_MUSTER;
  return Math.max(...job.tasks.map(exitCodeOfTask));
}

/** The exit code for one of its tasks. */
export function exitCodeOfTask(task: Task): number {
  if (task.state === TaskState.SUCCEEDED) return 0;
  const code = codeOfLastAttempt(task);
  // It did not succeed: 0 would say that it did.
  return code === undefined || code === 0 ? EXIT_MUSTER : code;
}

function codeOfLastAttempt(task: Task): number | undefined {
  const end = task.attempts.at(-1)?.outcome?.outcome;
  if (end?.case !== 'ended') return undefined;
  const { how } = end.value;
  if (how.case === 'exited') return how.value.code;
  if (how.case === 'signaled') return SIGNAL_BASE + how.value.number;
  return how.case === 'oom' ? SIGNAL_BASE + SIGKILL : undefined;
}
