/**
 * What became of a run, from its file and the processes that live now. Pure: the caller reads both.
 */
import { assertNever } from '@muster/common/assert-never/assert-never';
import { TICK_MS } from './proc-files.ts';
import type { RunFile } from './run-files.ts';
import { endOfStatus, type RunRecord, SIGNAL_STATUS_BASE } from './run-record.ts';
import type { NotRunReason, RunEnd, RunObservation, RunUsage } from './supervisor.ts';

/** What is known beside the file. */
export interface RunContext {
  readonly bootId: string;
  /** Whether the keeper named in the claim lives. Look at it before reading the file, else an exit may be missed. */
  readonly keeperAlive: boolean;
  readonly nowMs: number;
  readonly uptimeMs: number;
  readonly pageSizeBytes: number;
  /** What the shell or setsid wrote about a failed exec; empty where nothing did. */
  readonly errorText: string;
  /** Whether the run wrote anything to its standard output. */
  readonly wroteOutput: boolean;
}

/** An empty file is a claim whose line is on its way: the creator writes it within microseconds, or its disk is full. */
const CLAIM_PATIENCE_MS = 2_000;

/** What a run's file means. */
export function observeRun(file: RunFile, record: RunRecord, context: RunContext): RunObservation {
  if (record.never) return { kind: 'claimed_never' };
  const startedAtMs = startOf(file, record, context);
  if (record.exit !== undefined) return endedRun(file, record, context, endOf(record, context));
  if (record.claim === undefined) {
    const fresh = context.nowMs - file.modifiedMs < CLAIM_PATIENCE_MS;
    if (fresh) return { kind: 'running', pid: 0, startedAtMs };
    return endedRun(file, record, context, died('its claim is empty; the disk may have been full'));
  }
  if (record.claim.bootId !== context.bootId) {
    const detail = 'the machine was started anew while it ran';
    return endedRun(file, record, context, { kind: 'lost', cause: 'node_rebooted', detail });
  }
  if (context.keeperAlive) return { kind: 'running', pid: record.job?.pid ?? record.claim.keeper.pid, startedAtMs };
  return endedRun(file, record, context, died('the shell that kept it was killed before it could record the exit'));
}

function died(detail: string): RunEnd {
  return { kind: 'lost', cause: 'supervisor_died', detail };
}

function endedRun(file: RunFile, record: RunRecord, context: RunContext, end: RunEnd): RunObservation {
  const usage = usageOf(file, record, context);
  return {
    kind: 'ended',
    end,
    usage,
    startedAtMs: file.modifiedMs - usage.wallMs,
    endedAtMs: file.modifiedMs,
    ...(record.job === undefined ? {} : { pid: record.job.pid }),
    ...(record.timedOut ? { stoppedBy: 'timeout' } : {}),
    signalsSent: record.signalsSent,
  };
}

function endOf(record: RunRecord, context: RunContext): RunEnd {
  const status = record.exit?.status ?? 0;
  // A signal between the run's line and its exec ends a shell, which may run its EXIT trap first: still a signal.
  if (record.failedStep !== undefined && status <= SIGNAL_STATUS_BASE) {
    return failedEnd(record.failedStep, record, context);
  }
  if (execFailed(status, context)) return notRun('spawn_error', context.errorText);
  return endOfStatus(status, record.shellLines);
}

/**
 * Where `setsid` stands between the shell and the program it is setsid whose exec fails, and bash leaves a subshell
 * after a failed exec without another command. Both say so in their own words on standard error (bash calls what it
 * reads from standard input `main`) and give 126 or 127. The program could have given that too, but hardly with these
 * words and no output.
 */
const EXEC_FAILED = /^(setsid: [^\n]*|main: line ([0-9]+): [^\n]*(\nmain: line \2: [^\n]*)*)$/;

function execFailed(status: number, context: RunContext): boolean {
  if ((status !== 126 && status !== 127) || context.wroteOutput) return false;
  return EXEC_FAILED.test(context.errorText);
}

function failedEnd(step: string, record: RunRecord, context: RunContext): RunEnd {
  const said = [...record.shellLines, context.errorText].filter((line) => line !== '').join('; ');
  const reason: NotRunReason = step === 'directory' ? 'no_such_directory' : 'spawn_error';
  return notRun(reason, said === '' ? 'the shell could not execute the program' : said);
}

function notRun(reason: NotRunReason, detail: string): RunEnd {
  return { kind: 'not_run', reason, detail };
}

/**
 * Two clocks: file times are fine but step with the wall clock, uptime is steady but counts 10 ms. Where both agree
 * within two steps the fine one is taken.
 */
function usageOf(file: RunFile, record: RunRecord, context: RunContext): RunUsage {
  const pages = Math.max(record.job?.residentPages ?? 0, record.claim?.keeper.residentPages ?? 0);
  const peakMemoryBytes = Math.max(pages * context.pageSizeBytes, record.sampledMemoryBytes);
  return {
    cpuUserMs: record.cpu?.userMs ?? 0,
    cpuSystemMs: record.cpu?.systemMs ?? 0,
    ...(peakMemoryBytes > 0 ? { peakMemoryBytes } : {}),
    wallMs: wallOf(file, record),
  };
}

function wallOf(file: RunFile, record: RunRecord): number {
  const fineMs = file.createdMs === undefined ? undefined : Math.max(0, file.modifiedMs - file.createdMs);
  if (record.exit === undefined || record.claim === undefined) return fineMs ?? 0;
  const steadyMs = Math.max(0, record.exit.uptimeMs - record.claim.keeper.startTicks * TICK_MS);
  return fineMs !== undefined && Math.abs(fineMs - steadyMs) <= 2 * TICK_MS ? fineMs : steadyMs;
}

function startOf(file: RunFile, record: RunRecord, context: RunContext): number {
  const startTicks = record.job?.startTicks ?? record.claim?.keeper.startTicks;
  if (startTicks === undefined) return file.modifiedMs;
  return context.nowMs - Math.max(0, context.uptimeMs - startTicks * TICK_MS);
}

/** Whether nothing will change any more. */
export function isSettled(observation: RunObservation): boolean {
  switch (observation.kind) {
    case 'running':
      return false;
    case 'absent':
    case 'claimed_never':
    case 'ended':
      return true;
    default:
      return assertNever(observation);
  }
}
