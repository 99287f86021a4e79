/**
 * Runs a program with its arguments, without a shell. Whether the program is there is found out by the supervisor,
 * in the PATH of the job, right before the start.
 */
import { NotRunReason } from '@muster/gen/muster/job/v1/status_pb';
import type { Driver } from '../driver.ts';
import { readyLaunch } from '../ready-launch.ts';

/** The driver of processes. */
export const processDriver: Driver<'process'> = {
  kind: 'process',
  async prepare(workload, _spec, context) {
    const [program, ...rest] = workload.argv;
    if (program === undefined || program === '') {
      return { kind: 'not_run', reason: NotRunReason.INVALID_SPEC, message: 'workload.process.argv: names no program' };
    }
    return readyLaunch([program, ...rest], context);
  },
};
