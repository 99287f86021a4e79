/** The nodes of a job. */
import type { Job } from '@muster/gen/muster/job/v1/status_pb';

/** The names of the nodes that a job's output may come from, as far as they are known, each once, by task. */
export function nodeNames(job: Job): string[] {
  const names = job.tasks.flatMap((task) => [task.nodeName, ...task.attempts.map((attempt) => attempt.nodeName)]);
  return [...new Set(names.filter((name) => name !== ''))];
}
