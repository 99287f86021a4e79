/** Runs each periodic probe when it is due, and reports the fingerprint when it says something new. */

import type { Fingerprint } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { fingerprintOf, type ProbeResult, type ProbeResults, runProbes } from './collect.ts';
import { fingerprintChanged } from './fingerprint-changed.ts';
import type { Probe, ProbeContext } from './probe.ts';

/** What the loop needs. */
export interface CapabilityReporterDeps {
  readonly probes: readonly Probe[];
  readonly context: ProbeContext;
  /** What `runProbes` found at start, and was reported: the loop goes on from there. */
  readonly first: ProbeResults;
  /** Takes a new fingerprint; only the newest counts. */
  readonly report: (fingerprint: Fingerprint) => void;
}

/**
 * A probe that worked before keeps its finding through this many failures in a row: a machine under load misses a
 * timeout now and then, and losing `sh` from the fingerprint for it would stop work from coming.
 */
const FORGIVEN_FAILURES = 2;
/** A probe that is asked only once and failed may have met a machine that was busy booting. */
const FAILED_AGAIN_MS = 5 * 60_000;

/** One probe, between its runs. */
interface Watch {
  readonly probe: Probe;
  readonly result: ProbeResult;
  readonly failuresInRow: number;
  /** On the monotonic clock; unset: never again. */
  readonly dueMs?: number;
}

/** Runs until aborted, then rejects with the reason; returns when no probe is ever due again. */
export async function runCapabilityReporterLoop(deps: CapabilityReporterDeps, signal: AbortSignal): Promise<void> {
  const { clock } = deps.context;
  let watches = firstWatches(deps);
  let reported = fingerprintOf(resultsOf(watches));
  for (let dueMs = nextDue(watches); dueMs !== undefined; dueMs = nextDue(watches)) {
    await clock.sleep(Math.max(dueMs - clock.monotonicMs(), 0), signal);
    watches = await runDue(watches, deps.context, signal);
    const now = fingerprintOf(resultsOf(watches));
    if (!fingerprintChanged(reported, now)) continue;
    deps.report(now);
    reported = now;
  }
}

function firstWatches({ probes, first, context }: CapabilityReporterDeps): Watch[] {
  const nowMs = context.clock.monotonicMs();
  return probes.map((probe) => {
    const result: ProbeResult = first.get(probe.name) ?? { kind: 'failed', reason: 'not run yet' };
    return watch(probe, result, result.kind === 'failed' ? 1 : 0, nowMs);
  });
}

async function runDue(watches: readonly Watch[], context: ProbeContext, signal: AbortSignal): Promise<Watch[]> {
  const startMs = context.clock.monotonicMs();
  const due = watches.filter(({ dueMs }) => dueMs !== undefined && dueMs <= startMs);
  const results = await runProbes(
    due.map(({ probe }) => probe),
    context,
    signal,
  );
  const nowMs = context.clock.monotonicMs();
  return watches.map((before) => {
    const result = results.get(before.probe.name);
    return result === undefined ? before : next(before, result, nowMs);
  });
}

function next(before: Watch, result: ProbeResult, nowMs: number): Watch {
  const failuresInRow = result.kind === 'failed' ? before.failuresInRow + 1 : 0;
  const forgiven = before.result.kind === 'found' && failuresInRow > 0 && failuresInRow <= FORGIVEN_FAILURES;
  const kept = watch(before.probe, result, failuresInRow, nowMs);
  return forgiven ? { ...kept, result: before.result } : kept;
}

function watch(probe: Probe, result: ProbeResult, failuresInRow: number, nowMs: number): Watch {
  const failed = result.kind === 'failed';
  const inMs = failed ? (probe.periodMs ?? FAILED_AGAIN_MS) : (result.finding.againInMs ?? probe.periodMs);
  return { probe, result, failuresInRow, ...(inMs === undefined ? {} : { dueMs: nowMs + inMs }) };
}

function nextDue(watches: readonly Watch[]): number | undefined {
  const all = watches.map(({ dueMs }) => dueMs).filter((dueMs) => dueMs !== undefined);
  return all.length === 0 ? undefined : Math.min(...all);
}

function resultsOf(watches: readonly Watch[]): ProbeResults {
  return new Map(watches.map(({ probe, result }) => [probe.name, result]));
}
