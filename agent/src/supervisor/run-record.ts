/**
 * The text of a run's file and what it says. The format is written down in zygote-script.ts. Pure.
 * A line without its newline does not count: it was torn by a full disk or a power failure.
 */
import { type ProcStat, parseStat } from './proc-files.ts';
import { LARGEST_SIGNAL, parseSignalName, type SignalName, signalNameOf } from './signal-name.ts';
import type { RunEnd } from './supervisor.ts';

/** What the file says so far. Anything may be missing: the file is read while it grows. */
export interface RunRecord {
  /** Made instead of a start. */
  readonly never: boolean;
  readonly claim?: { readonly bootId: string; readonly keeper: ProcStat };
  /** The run's process just before its exec. */
  readonly job?: ProcStat;
  /** The keeper's child that enforces the timeout. */
  readonly watchPid?: number;
  /** The step before or at which the exec failed. */
  readonly failedStep?: string;
  readonly timedOut: boolean;
  readonly signalsSent: readonly SignalName[];
  readonly sampledMemoryBytes: number;
  readonly cpu?: { readonly userMs: number; readonly systemMs: number };
  readonly exit?: { readonly status: number; readonly uptimeMs: number };
  /** What the shell said of itself, for example `Killed`. */
  readonly shellLines: readonly string[];
}

/** The whole file of a run that must never start. */
export const NEVER_RECORD = 'never\n';

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };
type Draft = Mutable<RunRecord> & { signalsSent: SignalName[]; shellLines: string[]; timesSeen: number };

/** Reads a run's file. */
export function parseRunRecord(text: string): RunRecord {
  const draft: Draft = {
    never: false,
    timedOut: false,
    signalsSent: [],
    sampledMemoryBytes: 0,
    shellLines: [],
    timesSeen: 0,
  };
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  for (const line of lines) if (line !== '') readLine(draft, line);
  return draft;
}

function readLine(draft: Draft, line: string): void {
  const space = line.indexOf(' ');
  const word = space < 0 ? line : line.slice(0, space);
  const rest = space < 0 ? '' : line.slice(space + 1);
  switch (word) {
    case 'never':
      draft.never = true;
      return;
    case 'claim':
      readClaim(draft, rest);
      return;
    case 'job':
      readJob(draft, rest);
      return;
    case 'watch':
      draft.watchPid = Number(rest);
      return;
    case 'failed':
      draft.failedStep = rest;
      return;
    case 'timeout':
      draft.timedOut = true;
      return;
    case 'signal':
      readSignal(draft, rest);
      return;
    case 'memory':
      draft.sampledMemoryBytes = Math.max(draft.sampledMemoryBytes, Number(rest) || 0);
      return;
    case 'exit':
      readExit(draft, rest);
      return;
    default:
      if (!readTimes(draft, line)) draft.shellLines.push(line);
  }
}

function readClaim(draft: Draft, rest: string): void {
  const space = rest.indexOf(' ');
  const keeper = parseStat(rest.slice(space + 1));
  if (space > 0 && keeper !== undefined) draft.claim = { bootId: rest.slice(0, space), keeper };
}

function readJob(draft: Draft, rest: string): void {
  const job = parseStat(rest);
  if (job !== undefined) draft.job = job;
}

function readSignal(draft: Draft, rest: string): void {
  const signal = parseSignalName(rest);
  if (signal !== undefined && !draft.signalsSent.includes(signal)) draft.signalsSent.push(signal);
}

function readExit(draft: Draft, rest: string): void {
  const match = /^([0-9]+) ([0-9.]+)/.exec(rest);
  if (match !== null) draft.exit = { status: Number(match[1]), uptimeMs: Math.round(Number(match[2]) * 1000) };
}

const TIMES_LINE = /^([0-9]+)m([0-9.]+)s ([0-9]+)m([0-9.]+)s$/;

/** The second line of `times` is that of the children, and the keeper waited for one only: the run. */
function readTimes(draft: Draft, line: string): boolean {
  const match = TIMES_LINE.exec(line);
  if (match === null) return false;
  draft.timesSeen += 1;
  if (draft.timesSeen === 2) {
    const toMs = (minutes = '', seconds = ''): number => Math.round(Number(minutes) * 60_000 + Number(seconds) * 1000);
    draft.cpu = { userMs: toMs(match[1], match[2]), systemMs: toMs(match[3], match[4]) };
  }
  return true;
}

/** A shell gives 128 + n for a program that signal n ended. */
export const SIGNAL_STATUS_BASE = 128;

/**
 * Reads an exit status as shells do: above 128 it stands for a signal. Where the shell also named the signal (dash and
 * busybox do, except for SIGINT and SIGPIPE) it is certain.
 */
export function endOfStatus(status: number, shellLines: readonly string[]): RunEnd {
  const number = status - SIGNAL_STATUS_BASE;
  if (number < 1 || number > LARGEST_SIGNAL) return { kind: 'exited', code: status };
  return {
    kind: 'signaled',
    signal: signalNameOf(number),
    number,
    fromShellStatus: shellLines.length === 0,
    coreDumped: shellLines.some((line) => line.includes('(core dumped)')),
  };
}
