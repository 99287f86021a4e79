/** `muster jobs`. */
import { create } from '@bufbuild/protobuf';
import { JobService, ListJobsResponseSchema } from '@muster/gen/muster/control/v1/job_service_pb';
import { type Job, JobStateSchema } from '@muster/gen/muster/job/v1/status_pb';
import type { Command } from '../context.ts';
import { parseLabels } from '../input/labels.ts';
import { parseStates } from '../input/states.ts';
import { cellText } from '../output/terminal-safe.ts';
import { enumName } from '../show/enum-name.ts';
import { showCounts } from '../show/job-text.ts';
import { showJson } from '../show/json.ts';
import { showAge, showBetween } from '../show/moment.ts';
import { makePaint, type Paint } from '../show/paint.ts';
import { renderTable } from '../show/table.ts';
import { hint } from './notes.ts';
import { collectPages } from './pages.ts';

const HEAD = ['ID', 'NAME', 'STATE', 'TASKS', 'AGE', 'TOOK', 'BY'];

/** The command. */
export const jobsList: Command = async ({ options }, context) => {
  const format = options.outputFormat();
  const states = parseStates(JobStateSchema, options.texts('state'));
  const selector = { matchLabels: parseLabels(options.texts('label')) };
  const limit = options.count('limit', 1);
  using door = await context.open(options);
  const jobs = door.client(JobService);
  const { items, isCut } = await collectPages(async (pageSize, pageToken) => {
    const page = await jobs.listJobs({ pageSize, pageToken, states, selector }, { signal: context.signal });
    return { items: page.jobs, nextPageToken: page.nextPageToken };
  }, limit);
  if (format === 'json') {
    await context.stdout.write(showJson(ListJobsResponseSchema, create(ListJobsResponseSchema, { jobs: items })));
  } else {
    const paint = makePaint(context.stdout.hasColors);
    const rows = items.map((job) => jobRow(job, context.clock.nowMs(), paint));
    await context.stdout.write(renderTable(HEAD, rows, paint));
  }
  if (isCut) await hint(context, `these are the newest ${items.length}; --limit shows more`);
  return 0;
};

function jobRow(job: Job, nowMs: number, paint: Paint): string[] {
  return [
    cellText(job.id),
    cellText(job.spec?.name ?? ''),
    paint.state(enumName(JobStateSchema, job.state)),
    showCounts(job.taskCounts),
    showAge(job.submittedTime, nowMs),
    showBetween(job.startedTime, job.finishedTime),
    cellText(job.submittedBy),
  ];
}
