/** The job that does nothing, submitted and waited for as a connected client does it. */
import { JobState } from '@muster/gen/muster/job/v1/status_pb';
import type { RealCluster } from '@muster/testing/real/cluster';

/** A client that has its connection. */
export type JobClient = RealCluster['jobs'];

/** A real program, executed for real: the shells' builtin `true` would flatter. */
const PROGRAM = '/usr/bin/true';
const LONGEST_WAIT_S = 30n;

/** Submits the job and returns when its result is durable and known here. @throws Error where it did not succeed */
export async function runTrue(jobs: JobClient): Promise<void> {
  const { job } = await jobs.submitJob({
    spec: { workload: { kind: { case: 'process', value: { argv: [PROGRAM] } } } },
    wait: { seconds: LONGEST_WAIT_S },
  });
  if (job?.state !== JobState.SUCCEEDED) throw new Error(`job ${job?.id} is in state ${job?.state}, not succeeded`);
}

/** Runs `count` of them, `atOnce` at any time; resolves when all have ended. */
export async function runManyTrue(jobs: JobClient, count: number, atOnce: number): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await runTrue(jobs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
