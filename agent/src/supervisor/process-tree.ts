/**
 * Finds and signals the processes of one run. There is no cgroup to ask, so a process belongs to the run when any of
 * these holds: it descends from the run's keeper; it is in the session or group that the run was started as leader of;
 * its environment carries the run's marks. A process that left all three (a daemon started with an empty environment)
 * is not found; the systemd supervisor is for those who need certainty.
 * Invariant: pid and start time are compared before every signal, and we never signal ourselves.
 */
import { isDead, listPids, type ProcStat, readChildren, readEnvironment, readStat } from './proc-files.ts';
import type { RunRecord } from './run-record.ts';
import type { SignalName } from './signal-name.ts';
import type { RunKey } from './supervisor.ts';

/** The variables that mark every process of a run. */
export function runMarks(key: RunKey): Readonly<Record<'MUSTER_ATTEMPT' | 'MUSTER_RUN', string>> {
  return { MUSTER_ATTEMPT: key.attemptId, MUSTER_RUN: String(key.run) };
}

/** Processes looked at before other work gets its turn: 64 x 2 files x 15 µs is 2 ms. */
const SLICE = 64;

/**
 * Every living process of a run.
 * @param record what the run's file says, of this boot; without a claim only the marks are looked for
 */
export async function findTree(key: RunKey, record: RunRecord): Promise<ProcStat[]> {
  const all = await readAll();
  const members = new Map<number, ProcStat>();
  const keeper = all.get(record.claim?.keeper.pid ?? -1);
  const keeperLives = keeper !== undefined && keeper.startTicks === record.claim?.keeper.startTicks;
  const spared = (stat: ProcStat): boolean =>
    stat.pid === process.pid ||
    (keeperLives && (stat === keeper || (stat.pid === record.watchPid && stat.parentPid === keeper.pid)));
  const candidates = [...all.values()].filter((stat) => !spared(stat));
  for (const stat of candidates) if (inGroup(stat, record)) members.set(stat.pid, stat);
  await addMarked(candidates, marksOf(key), members);
  addDescendants(candidates, members, keeperLives ? keeper.pid : undefined);
  return [...members.values()].filter((stat) => !isDead(stat));
}

/** Sends a signal to each; returns those that took it, without those that have ended meanwhile. */
export function signalAll(tree: readonly ProcStat[], signal: SignalName): ProcStat[] {
  return tree.filter((stat) => {
    const now = readStat(stat.pid);
    if (now === undefined || now.startTicks !== stat.startTicks || isDead(now)) return false;
    return sendSignal(stat.pid, signal);
  });
}

/** Resident pages of a run's main process and its descendants, without a look at every process. */
export function residentPagesOf(pid: number): number {
  let pages = 0;
  const open = [pid];
  const seen = new Set<number>();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    pages += readStat(next)?.residentPages ?? 0;
    open.push(...readChildren(next));
  }
  return pages;
}

/** Lets other work go first. Not a matter of time, so not one of the clock. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function readAll(): Promise<Map<number, ProcStat>> {
  const all = new Map<number, ProcStat>();
  let count = 0;
  for (const pid of listPids()) {
    const stat = readStat(pid);
    if (stat !== undefined) all.set(pid, stat);
    count += 1;
    if (count % SLICE === 0) await nextTurn();
  }
  return all;
}

/** The run's own group or session, which nobody else can be in while one member lives, as ids of both stay taken. */
function inGroup(stat: ProcStat, record: RunRecord): boolean {
  const job = record.job;
  if (job === undefined || stat.startTicks < job.startTicks) return false;
  if (stat.pid === job.pid) return stat.startTicks === job.startTicks;
  // The run leads a session of its own (setsid), or a group in its keeper's session (job control).
  return stat.session === job.pid || (stat.processGroup === job.pid && stat.session === job.session);
}

function marksOf(key: RunKey): readonly string[] {
  return Object.entries(runMarks(key)).map(([name, value]) => `${name}=${value}`);
}

async function addMarked(
  candidates: readonly ProcStat[],
  marks: readonly string[],
  members: Map<number, ProcStat>,
): Promise<void> {
  let count = 0;
  for (const stat of candidates) {
    if (members.has(stat.pid)) continue;
    const environment = readEnvironment(stat.pid);
    if (marks.every((mark) => environment.includes(mark))) members.set(stat.pid, stat);
    count += 1;
    if (count % SLICE === 0) await nextTurn();
  }
}

function addDescendants(
  candidates: readonly ProcStat[],
  members: Map<number, ProcStat>,
  keeperPid: number | undefined,
): void {
  const children = Map.groupBy(candidates, (stat) => stat.parentPid);
  const open = [...members.keys()];
  if (keeperPid !== undefined) open.push(keeperPid);
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const child of children.get(parent) ?? []) {
      if (members.has(child.pid)) continue;
      members.set(child.pid, child);
      open.push(child.pid);
    }
  }
}

function sendSignal(pid: number, signal: SignalName): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // it ended between the look and the signal, or it is not ours to signal
  }
}
