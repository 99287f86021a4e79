/** A job with its tasks and attempts, for `muster job get`. */

import { printBytes } from '@muster/common/format/bytes';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import {
  type Attempt,
  AttemptStateSchema,
  type Job,
  JobStateSchema,
  OutputStreamSchema,
  StoppedBy,
  StoppedBySchema,
  type StreamStatus,
  type Task,
  type TaskCounts,
  TaskEndReason,
  TaskEndReasonSchema,
  TaskStateSchema,
  type Usage,
} from '@muster/gen/muster/job/v1/status_pb';
import { cellText } from '../output/terminal-safe.ts';
import { enumName } from './enum-name.ts';
import { showBetween, showDuration, showTime } from './moment.ts';
import { outcomeMessage, showHow, showStoppedBy } from './outcome.ts';
import type { Paint } from './paint.ts';

type Field = readonly [label: string, value: string];

/** Some lines, ended by a newline. */
export function showJob(job: Job, paint: Paint): string {
  const fields: Field[] = [
    ['Job', paint.bold(cellText(job.id))],
    ['Name', cellText(job.spec?.name ?? '')],
    ['State', paint.state(enumName(JobStateSchema, job.state))],
    ['Runs', cellText(showWorkload(job.spec))],
    ['Submitted', `${showTime(job.submittedTime)}${job.submittedBy === '' ? '' : ` by ${cellText(job.submittedBy)}`}`],
    ['Started', showTime(job.startedTime)],
    ['Finished', finished(job)],
    ...(job.cancelRequestedTime === undefined
      ? []
      : [field('Cancel', `asked for ${showTime(job.cancelRequestedTime)}`)]),
    ['Tasks', showCounts(job.taskCounts)],
  ];
  return lines(fields, '') + job.tasks.map((task) => `\n${showTask(task, paint)}`).join('');
}

/** `3: 2 succeeded, 1 failed`. */
export function showCounts(counts: TaskCounts | undefined): string {
  if (counts === undefined) return '-';
  const { queued, assigned, running, succeeded, failed, cancelled, lost } = counts;
  const parts = Object.entries({ queued, assigned, running, succeeded, failed, cancelled, lost });
  const sum = parts.reduce((total, [, count]) => total + count, 0);
  const named = parts.filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`);
  return named.length === 0 ? '0' : `${sum}: ${named.join(', ')}`;
}

/** What a job runs, in one line. */
function showWorkload(spec: JobSpec | undefined): string {
  const kind = spec?.workload?.kind;
  switch (kind?.case) {
    case 'process':
      return `process: ${kind.value.argv.map(quoted).join(' ')}`;
    case 'script':
      return `script: ${kind.value.interpreter || 'interpreter of its first line'}, ${kind.value.content.length} characters`;
    case 'container':
      return `container: ${kind.value.image}`;
    case 'modelServer':
      return 'model server';
    case undefined:
      return 'unknown';
  }
}

function showTask(task: Task, paint: Paint): string {
  const where = task.nodeName === '' ? (task.attempts.at(-1)?.nodeName ?? '') : task.nodeName;
  const state = paint.state(enumName(TaskStateSchema, task.state));
  const reason =
    task.endReason === TaskEndReason.UNSPECIFIED ? '' : ` (${enumName(TaskEndReasonSchema, task.endReason)})`;
  const head = `${paint.bold(`Task ${task.index}`)}  ${state}${reason}${where === '' ? '' : ` on ${cellText(where)}`}\n`;
  const message = task.message === '' ? '' : lines([['Message', cellText(task.message)]], '  ');
  return head + message + task.attempts.map((attempt) => showAttempt(attempt, paint)).join('');
}

function showAttempt(attempt: Attempt, paint: Paint): string {
  const message = outcomeMessage(attempt.outcome);
  const end = attempt.outcome?.outcome;
  const usage = end?.case === 'ended' ? end.value.usage : undefined;
  const fields: Field[] = [
    ['State', attemptState(attempt)],
    ['Node', `${cellText(attempt.nodeName)} (${cellText(attempt.nodeId)})`],
    ['How', cellText(showHow(attempt.outcome))],
    ['Stopped by', cellText(stopped(attempt))],
    ['CPU time', usage === undefined ? '-' : cpuTime(usage)],
    ['Peak memory', usage?.peakMemoryBytes === undefined ? '-' : printBytes(Number(usage.peakMemoryBytes))],
    [
      'Wall',
      usage?.wall === undefined ? showBetween(attempt.startedTime, attempt.endedTime) : showDuration(usage.wall),
    ],
    ['Started', showTime(attempt.startedTime)],
    ['Ended', showTime(attempt.endedTime)],
    ...(attempt.pid === 0 ? [] : [field('Process', String(attempt.pid))]),
    ...attempt.streams.map((stream) => field(streamName(stream), streamText(stream))),
    ...(message === '' ? [] : [field('Message', cellText(message))]),
  ];
  return `  ${paint.bold(`Attempt ${attempt.number}`)}  ${cellText(attempt.id)}\n${lines(fields, '    ')}`;
}

function attemptState(attempt: Attempt): string {
  const state = enumName(AttemptStateSchema, attempt.state);
  return attempt.unknown ? `${state}, maybe old: its node is out of contact` : state;
}

function stopped(attempt: Attempt): string {
  const by = showStoppedBy(attempt);
  if (by !== '-' || attempt.stopRequested === StoppedBy.UNSPECIFIED) return by;
  return `- (asked to stop by ${enumName(StoppedBySchema, attempt.stopRequested)})`;
}

function streamName(stream: StreamStatus): string {
  const name = enumName(OutputStreamSchema, stream.stream);
  return stream.run > 1 ? `${name} of run ${stream.run}` : name;
}

function streamText(stream: StreamStatus): string {
  const produced = stream.producedBytes ?? stream.storedBytes + stream.missingBytes;
  const missing = stream.missingBytes > 0n ? `, ${stream.missingBytes}B missing` : '';
  return `${printBytes(Number(produced))}${missing}, ${stream.complete ? 'complete' : `${stream.storedBytes}B stored so far`}`;
}

function cpuTime(usage: Usage): string {
  return `${showDuration(usage.cpuUser)} user, ${showDuration(usage.cpuSystem)} system`;
}

function finished(job: Job): string {
  const took = showBetween(job.startedTime, job.finishedTime);
  return showTime(job.finishedTime) + (took === '-' ? '' : ` (took ${took})`);
}

function field(label: string, value: string): Field {
  return [label, value];
}

/** Labels padded to the longest one of all blocks, "Peak memory" and "stdout of run N" aside. */
const LABEL_WIDTH = 11;

function lines(fields: readonly Field[], indent: string): string {
  return fields.map(([label, value]) => `${indent}${label.padEnd(LABEL_WIDTH)}  ${value}\n`).join('');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
