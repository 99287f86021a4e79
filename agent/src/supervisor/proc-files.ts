/**
 * What the kernel says about processes, read from /proc. A process is identified by (boot id, pid, start time): a pid
 * alone may belong to somebody else by now.
 * Reads are synchronous: these files are made by the kernel in memory (about 15 µs each), and asking the thread pool
 * for each would cost ten times that.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** One line of /proc/<pid>/stat, as far as we use it. */
export interface ProcStat {
  readonly pid: number;
  /** R, S, D, Z, X, ...; Z and X are dead, only not yet collected. */
  readonly state: string;
  readonly parentPid: number;
  readonly processGroup: number;
  readonly session: number;
  /** Ticks of 10 ms since boot. */
  readonly startTicks: number;
  readonly residentPages: number;
}

/** A process that cannot be confused with a later one of the same pid (within one boot). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

/** USER_HZ is 100 on every Linux we run on: it is part of the kernel's interface. */
export const TICK_MS = 10;

/** Reads a stat line; undefined where it is none. The name in brackets may hold anything, brackets included. */
export function parseStat(line: string): ProcStat | undefined {
  const open = line.indexOf(' (');
  const close = line.lastIndexOf(') ');
  if (open < 0 || close < open) return undefined;
  const fields = line.slice(close + 2).split(' ');
  const numberAt = (index: number): number => Number(fields[index] ?? Number.NaN);
  const stat: ProcStat = {
    pid: Number(line.slice(0, open)),
    state: fields[0] ?? '',
    parentPid: numberAt(1),
    processGroup: numberAt(2),
    session: numberAt(3),
    startTicks: numberAt(19),
    residentPages: numberAt(21),
  };
  return Number.isInteger(stat.pid) && Number.isInteger(stat.startTicks) ? stat : undefined;
}

/** The present state of a pid; undefined when there is no such process. */
export function readStat(pid: number): ProcStat | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** Whether exactly this process is alive; a zombie is not. */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid);
  return stat !== undefined && stat.startTicks === identity.startTicks && !isDead(stat);
}

/** Whether only the record of a process is left. */
export function isDead(stat: ProcStat): boolean {
  return stat.state === 'Z' || stat.state === 'X' || stat.state === 'x';
}

/** Every pid there is now. */
export function listPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}

/** The environment a process was started with, `NAME=value` each; empty where we may not read it or it is gone. */
export function readEnvironment(pid: number): readonly string[] {
  return readProc(`/proc/${pid}/environ`)?.split('\0') ?? [];
}

/** The children of a process, all its threads', without a look at every process; empty where the kernel cannot say. */
export function readChildren(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      (readProc(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return []; // it ended meanwhile
  }
}

/** Identifies this start of the machine. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

/** Milliseconds since boot, time asleep included. */
export function readUptimeMs(): number {
  return Math.round(Number.parseFloat(readFileSync('/proc/uptime', 'latin1')) * 1000);
}

/** AT_PAGESZ in the auxiliary vector. */
const PAGE_SIZE_ENTRY = 6n;
/** What nearly all machines have, should the vector not be readable. */
const USUAL_PAGE_BYTES = 4096;

/** Size of a memory page here: 4 KiB, on some arm64 kernels 16 or 64 KiB. */
export function readPageSizeBytes(): number {
  const vector = readFileSync('/proc/self/auxv');
  for (let at = 0; at + 16 <= vector.length; at += 16) {
    if (vector.readBigUInt64LE(at) === PAGE_SIZE_ENTRY) return Number(vector.readBigUInt64LE(at + 8));
  }
  return USUAL_PAGE_BYTES;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined; // gone, or not ours to read: both mean that nothing can be said about it
  }
}
