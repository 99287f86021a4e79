/** `muster job get`. */
import { AppError } from '@muster/common/errors/app-error';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import { JobSchema } from '@muster/gen/muster/job/v1/status_pb';
import type { Command } from '../context.ts';
import { showJob } from '../show/job-text.ts';
import { showJson } from '../show/json.ts';
import { makePaint } from '../show/paint.ts';

/** The command. */
export const jobGet: Command = async ({ args, options }, context) => {
  const format = options.outputFormat();
  using door = await context.open(options);
  const { job } = await door.client(JobService).getJob({ jobId: args[0] ?? '' }, { signal: context.signal });
  if (job === undefined) throw new AppError('internal', 'the orchestrator answered without a job');
  const paint = makePaint(context.stdout.hasColors);
  await context.stdout.write(format === 'json' ? showJson(JobSchema, job) : showJob(job, paint));
  return 0;
};
