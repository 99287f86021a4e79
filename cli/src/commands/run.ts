/** `muster run`: submits a job and follows it to its end, as if it ran here. */
import { AppError } from '@muster/common/errors/app-error';
import { makeIds } from '@muster/common/ids/ids';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import { type Job, JobSchema } from '@muster/gen/muster/job/v1/status_pb';
import type { ServiceClient } from '../client/control-door.ts';
import { failureOf } from '../client/failure.ts';
import type { Command, CommandContext } from '../context.ts';
import { inputReader } from '../input/read-input.ts';
import type { Options } from '../program/options.ts';
import { EXIT_INTERRUPTED, exitCodeOfJob } from '../run/exit-code.ts';
import { type FollowResult, followJob } from '../run/follow-job.ts';
import { jobSpecOf } from '../run/job-spec.ts';
import { type Link, makeLink } from '../run/link.ts';
import { type LogSink, noSink, plainSink, prefixSink } from '../run/log-sink.ts';
import { nodeNames } from '../run/node-names.ts';
import { resultNotes } from '../run/result-notes.ts';
import { showJson } from '../show/json.ts';
import { hint, note } from './notes.ts';

/** The command. */
export const run: Command = async ({ args, options }, context) => {
  const format = options.outputFormat();
  const spec = await jobSpecOf(args, options, inputReader(context));
  using door = await context.open(options);
  const jobs = door.client(JobService);
  const say = (line: string): Promise<void> => note(context, line);
  const link = makeLink({ clock: context.clock, random: context.random, note: say });
  const job = await submit(jobs, link, spec, options, context);
  if (options.isOn('detach')) {
    await context.stdout.write(format === 'json' ? showJson(JobSchema, job) : `${job.id}\n`);
    return 0;
  }
  await hint(context, `job ${job.id}`);
  const sink = format === 'json' ? noSink : sinkFor(job, options, context);
  const { clock, interrupts } = context;
  const result = await followJob(
    { jobs, link, url: door.url, clock, interrupts, sink, note: say },
    job.id,
    context.signal,
  );
  return await report(result, job.id, format, context);
};

async function report(
  result: FollowResult,
  jobId: string,
  format: 'text' | 'json',
  context: CommandContext,
): Promise<number> {
  if (result.kind === 'left') {
    await note(
      context,
      `left job ${jobId} to itself; \`muster job get ${jobId}\` and \`muster logs ${jobId}\` show it`,
    );
    return EXIT_INTERRUPTED;
  }
  if (format === 'json') await context.stdout.write(showJson(JobSchema, result.job));
  for (const line of resultNotes(result.job)) await note(context, line);
  for (const sentence of result.missing) await note(context, sentence);
  if (result.missing.length > 0) await note(context, `\`muster logs ${jobId}\` shows what there is`);
  return exitCodeOfJob(result.job);
}

/**
 * Submits once and for all: the request id makes it safe to say it again when the connection breaks before the answer.
 * Where nothing answered at all the user is told at once.
 */
async function submit(
  jobs: ServiceClient<typeof JobService>,
  link: Link,
  spec: JobSpec,
  options: Options,
  context: CommandContext,
): Promise<Job> {
  const requestId = options.text('requestId') ?? makeIds(context.clock, context.random).next();
  let isFirst = true;
  const { job } = await link.keep(
    () => jobs.submitJob({ requestId, spec }, { signal: context.signal }),
    context.signal,
    (thrown) => {
      const { kind } = failureOf(thrown);
      const mayRetry = kind === 'lost' || (kind === 'unreachable' && !isFirst);
      isFirst = false;
      return mayRetry;
    },
  );
  if (job === undefined) throw new AppError('internal', 'the orchestrator answered without a job');
  return job;
}

function sinkFor(job: Job, options: Options, context: CommandContext): LogSink {
  const sinkOptions = { stdout: context.stdout, stderr: context.stderr, isRaw: options.isOn('raw') };
  return job.tasks.length <= 1 ? plainSink(sinkOptions) : prefixSink(sinkOptions, nodeNames(job));
}
