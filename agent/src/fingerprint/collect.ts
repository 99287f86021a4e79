/**
 * Runs probes, all at once, and puts the fingerprint together. A probe that throws, lies or hangs costs its own part and
 * nothing else.
 */
import { create } from '@bufbuild/protobuf';
import { withDeadline } from '@muster/common/clock/clock';
import { isAppError, isError } from '@muster/common/errors/app-error';
import {
  type Fingerprint,
  FingerprintSchema,
  type ProbeFailure,
  ProbeFailureSchema,
} from '@muster/gen/muster/node/v1/fingerprint_pb';
import { cleanFingerprint } from './clean-fingerprint.ts';
import type { FingerprintPart, Probe, ProbeContext, ProbeFinding } from './probe.ts';

/** What came of one probe. */
export type ProbeResult =
  | { readonly kind: 'found'; readonly finding: ProbeFinding }
  | { readonly kind: 'failed'; readonly reason: string };

/** What came of each, by the probe's name, in the order of the list of probes. */
export type ProbeResults = ReadonlyMap<string, ProbeResult>;

/** Runs the probes; takes as long as the slowest one's timeout at most. Rejects only with the signal's reason. */
export async function runProbes(
  probes: readonly Probe[],
  context: ProbeContext,
  signal: AbortSignal,
): Promise<ProbeResults> {
  const results = await Promise.all(probes.map((probe) => runProbe(probe, context, signal)));
  signal.throwIfAborted();
  return new Map(
    probes.flatMap((probe, index): [string, ProbeResult][] => {
      const result = results[index];
      return result === undefined ? [] : [[probe.name, result]];
    }),
  );
}

/** Joins the parts; failures and complaints become probe_failures. The result is clean: see clean-fingerprint.ts. */
export function fingerprintOf(results: ProbeResults): Fingerprint {
  const fingerprint = create(FingerprintSchema);
  for (const [probe, result] of results) {
    if (result.kind === 'found') addPart(fingerprint, result.finding.part);
    const message = result.kind === 'failed' ? result.reason : result.finding.complaint;
    if (message !== undefined) fingerprint.probeFailures.push(failure(probe, message));
  }
  return cleanFingerprint(fingerprint);
}

async function runProbe(probe: Probe, context: ProbeContext, signal: AbortSignal): Promise<ProbeResult> {
  using deadline = withDeadline(context.clock, probe.timeoutMs, signal);
  try {
    const finding = await orAbandon(probe.run(context, deadline.signal), deadline.signal);
    return { kind: 'found', finding };
  } catch (error) {
    const timedOut = deadline.signal.aborted && isAppError(error, 'deadline_exceeded');
    return { kind: 'failed', reason: timedOut ? `no answer within ${probe.timeoutMs} ms` : reasonOf(error) };
  }
}

/** What the promise brings, or the signal's reason as soon as it is aborted, whether or not the promise heeds it. */
function orAbandon<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Copies the part (as it is: protobuf's own copying refuses what is not clean yet), since a probe may keep it. */
function addPart(fingerprint: Fingerprint, part: FingerprintPart): void {
  const { disks = [], interpreters = [], gpus = [], drivers = [], ...single } = structuredClone(part);
  fingerprint.disks.push(...disks);
  fingerprint.interpreters.push(...interpreters);
  fingerprint.gpus.push(...gpus);
  fingerprint.drivers.push(...drivers);
  Object.assign(fingerprint, single);
}

function failure(probe: string, message: string): ProbeFailure {
  return create(ProbeFailureSchema, { probe, message });
}

function reasonOf(error: unknown): string {
  return isError(error) ? error.message : String(error);
}
