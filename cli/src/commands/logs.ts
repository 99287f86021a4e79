/** `muster logs`: 0 when all that was asked for was printed, 1 when some of it is gone. */
import { AppError } from '@muster/common/errors/app-error';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import { type Job, OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import type { Command } from '../context.ts';
import { type Options, UsageError } from '../program/options.ts';
import { copyLogs, type LogSelection } from '../run/copy-logs.ts';
import { makeLink } from '../run/link.ts';
import { LogPositions } from '../run/log-positions.ts';
import { plainSink, prefixSink, type SinkOptions } from '../run/log-sink.ts';
import { nodeNames } from '../run/node-names.ts';
import { orAborted } from '../run/or-aborted.ts';
import { note } from './notes.ts';

/** The command. */
export const logs: Command = async ({ args, options }, context) => {
  const selection = selectionOf(args[0] ?? '', options);
  using door = await context.open(options);
  const jobs = door.client(JobService);
  const say = (line: string): Promise<void> => note(context, line);
  const link = makeLink({ clock: context.clock, random: context.random, note: say });
  const { job } = await jobs.getJob({ jobId: selection.jobId }, { signal: context.signal });
  if (job === undefined) throw new AppError('internal', 'the orchestrator answered without a job');
  const sinkOptions: SinkOptions = { stdout: context.stdout, stderr: context.stderr, isRaw: options.isOn('raw') };
  const sink = isOneTask(job, selection) ? plainSink(sinkOptions) : prefixSink(sinkOptions, nodeNames(job));
  const positions = new LogPositions();
  try {
    await copyLogs({ jobs, link, sink, positions }, selection, context.signal);
  } finally {
    await orAborted(sink.finish(), context.signal);
  }
  for (const sentence of positions.gaps()) await say(sentence);
  for (const sentence of positions.incomplete()) await say(sentence);
  return positions.gaps().length === 0 ? 0 : 1;
};

function isOneTask(job: Job, selection: LogSelection): boolean {
  return job.tasks.length <= 1 || selection.taskIndex !== undefined;
}

function selectionOf(jobId: string, options: Options): LogSelection {
  const taskIndex = options.count('task', 0);
  const attemptNumber = options.count('attempt', 1);
  const stream = streamOf(options);
  return {
    jobId,
    follow: options.isOn('follow'),
    ...(taskIndex === undefined ? {} : { taskIndex }),
    ...(attemptNumber === undefined ? {} : { attemptNumber }),
    ...(stream === undefined ? {} : { stream }),
  };
}

function streamOf(options: Options): OutputStream | undefined {
  const isStdout = options.isOn('stdout');
  const isStderr = options.isOn('stderr');
  if (isStdout && isStderr) throw new UsageError('--stdout and --stderr together are both streams: leave both out');
  if (isStdout) return OutputStream.STDOUT;
  return isStderr ? OutputStream.STDERR : undefined;
}
