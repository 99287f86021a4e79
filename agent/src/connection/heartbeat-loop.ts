/**
 * Says that the agent lives, every period give or take a tenth (P9), and notices when nobody answers any more (P11).
 * The tenth spreads the agents of a fleet that all began at once.
 */
import type { Clock } from '@muster/common/clock/clock';
import type { Latest } from '@muster/common/queue/latest';
import type { Random } from '@muster/common/random/random';

/** This many periods without an answer, and the session is deaf. */
const DEAF_PERIODS = 3;

/** What the loop needs. */
export interface HeartbeatDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** The period in milliseconds, changeable. */
  readonly periodMs: Latest<number>;
  /** Monotonic time of the last heartbeat_ack; undefined before the first. */
  readonly lastAckMs: () => number | undefined;
  /** Queues a heartbeat. */
  readonly beat: () => void;
}

/** Returns when the session is deaf; rejects with the signal's reason when aborted. */
export async function runHeartbeatLoop(deps: HeartbeatDeps, signal: AbortSignal): Promise<void> {
  const { clock, periodMs } = deps;
  const beganMs = clock.monotonicMs();
  let nextBeatMs = beganMs;
  let periodBeganMs = beganMs;
  for (;;) {
    const nowMs = clock.monotonicMs();
    // Under another period nobody had to answer as soon as this one asks for.
    const deafAtMs = Math.max(deps.lastAckMs() ?? beganMs, periodBeganMs) + DEAF_PERIODS * periodMs.value;
    if (nowMs >= deafAtMs) return;
    if (nowMs >= nextBeatMs) {
      deps.beat();
      nextBeatMs = nowMs + periodMs.value * (0.9 + 0.2 * deps.random.next());
    }
    const changed = await sleepOrChange(deps, Math.min(nextBeatMs, deafAtMs) - nowMs, signal);
    if (!changed) continue;
    // A shorter period holds at once; the next beat is never later than it says.
    periodBeganMs = clock.monotonicMs();
    nextBeatMs = Math.min(nextBeatMs, periodBeganMs + periodMs.value);
  }
}

/** True when the period changed first. */
async function sleepOrChange(deps: HeartbeatDeps, ms: number, signal: AbortSignal): Promise<boolean> {
  const first = new AbortController();
  const either = AbortSignal.any([signal, first.signal]);
  const slept = deps.clock.sleep(ms, either).then(() => false);
  const changed = deps.periodMs.changed(either).then(() => true);
  try {
    return await Promise.race([slept, changed]);
  } finally {
    first.abort();
    await Promise.allSettled([slept, changed]);
  }
}
