/**
 * How a run is ended: its signal to the whole tree, grace, then SIGKILL to the whole tree, again and again until
 * nothing of it is left. Ends earlier as soon as nothing is left.
 */
import type { Clock } from '@muster/common/clock/clock';
import type { SignalName } from './signal-name.ts';
import type { RunKey, Supervisor } from './supervisor.ts';

/** What ending a run needs. */
export interface StopTreeDeps {
  readonly supervisor: Pick<Supervisor, 'signalTree' | 'countTree'>;
  readonly clock: Clock;
}

/** How polite. */
export interface StopPolicy {
  readonly signal: SignalName;
  /** Between the signal and SIGKILL. 0 kills at once after the signal. */
  readonly graceMs: number;
}

/** What it came to. */
export interface StopOutcome {
  /** In the order of sending; empty when nothing was alive. */
  readonly signalsSent: readonly SignalName[];
  /** Processes that SIGKILL did not end: they hang in the kernel (disk or network file system). Usually 0. */
  readonly survivors: number;
}

/** First pause between two looks at the tree; doubled up to LAST_PAUSE_MS. Most programs end within milliseconds. */
const FIRST_PAUSE_MS = 10;
/** A look costs a few milliseconds of CPU on a busy machine: twice a second is 1 %. */
const LAST_PAUSE_MS = 500;
/** What SIGKILL does not end in this time hangs in the kernel, and may do so for hours. */
const KILL_PATIENCE_MS = 30_000;

/** Ends a run's processes. Abort rejects and leaves things as they are; calling again goes on. */
export async function stopTree(
  deps: StopTreeDeps,
  key: RunKey,
  policy: StopPolicy,
  signal: AbortSignal,
): Promise<StopOutcome> {
  const signalsSent: SignalName[] = [];
  const send = async (name: SignalName): Promise<void> => {
    if ((await deps.supervisor.signalTree(key, name)) > 0 && !signalsSent.includes(name)) signalsSent.push(name);
  };
  const ask = async (): Promise<number> => {
    // Once: but a run that is just being started may have no process yet that could take it.
    if (signalsSent.length === 0) await send(policy.signal);
    return await deps.supervisor.countTree(key);
  };
  if ((await waitUntilGone(deps.clock, ask, policy.graceMs, signal)) === 0) return { signalsSent, survivors: 0 };
  const kill = async (): Promise<number> => {
    await send('SIGKILL');
    return await deps.supervisor.countTree(key);
  };
  return { signalsSent, survivors: await waitUntilGone(deps.clock, kill, KILL_PATIENCE_MS, signal) };
}

/** Calls `look` until it says 0 or the time is over; returns what it said last. */
async function waitUntilGone(
  clock: Clock,
  look: () => Promise<number>,
  withinMs: number,
  signal: AbortSignal,
): Promise<number> {
  const untilMs = clock.monotonicMs() + withinMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS)) {
    const left = await look();
    const restMs = untilMs - clock.monotonicMs();
    if (left === 0 || restMs <= 0) return left;
    await clock.sleep(Math.min(pauseMs, restMs), signal);
  }
}
