/** `muster cancel`. */
import { AppError } from '@muster/common/errors/app-error';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import { JobSchema, JobStateSchema } from '@muster/gen/muster/job/v1/status_pb';
import type { Command } from '../context.ts';
import { cellText } from '../output/terminal-safe.ts';
import { hasEnded } from '../run/watch-job.ts';
import { enumName } from '../show/enum-name.ts';
import { showJson } from '../show/json.ts';

/** The command. */
export const cancel: Command = async ({ args, options }, context) => {
  const format = options.outputFormat();
  using door = await context.open(options);
  const { job } = await door.client(JobService).cancelJob({ jobId: args[0] ?? '' }, { signal: context.signal });
  if (job === undefined) throw new AppError('internal', 'the orchestrator answered without a job');
  if (format === 'json') {
    await context.stdout.write(showJson(JobSchema, job));
    return 0;
  }
  const state = enumName(JobStateSchema, job.state);
  const id = cellText(job.id);
  await context.stdout.write(
    hasEnded(job)
      ? `job ${id} has ended: ${state}\n`
      : `job ${id} is ${state}; its cancel is stored. \`muster logs -f ${id}\` waits for its end\n`,
  );
  return 0;
};
