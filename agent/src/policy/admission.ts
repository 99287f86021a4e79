/** Whether this node takes an attempt. Pure: room and rules are handed in. */
import { printBytes } from '@muster/common/format/bytes';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import { NotRunReason } from '@muster/gen/muster/job/v1/status_pb';

/** What the node has. */
export interface NodeRoom {
  readonly draining: boolean;
  /** Attempts that are accepted or run. */
  readonly active: number;
  readonly maxAttempts: number;
  /** Free under the state directory. */
  readonly freeBytes: number;
  /** Kinds of workload that have a driver, as in JobSpec. */
  readonly drivers: ReadonlySet<string>;
}

/** The answer. */
export type AdmissionAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly reason: NotRunReason; readonly message: string };

/**
 * Below 64 MiB free nothing new begins: 8 windows of unacknowledged output, the ledger, and a script of the largest
 * size still fit, so what already runs goes on.
 */
const LEAST_FREE_BYTES = 64 * 1024 * 1024;

/** Judges an offer. */
export function admitAttempt(spec: JobSpec | undefined, room: NodeRoom): AdmissionAnswer {
  const kind = spec?.workload?.kind.case;
  if (kind === undefined) {
    return refused(NotRunReason.INVALID_SPEC, 'spec.workload: is missing, or of a kind this agent does not know');
  }
  const driver = kind === 'modelServer' ? 'model_server' : kind;
  if (!room.drivers.has(driver)) return refused(NotRunReason.UNSUPPORTED, `this node cannot run a ${driver}`);
  if (room.draining) return refused(NotRunReason.REFUSED_POLICY, 'the node is being drained and takes no new work');
  if (room.active >= room.maxAttempts) {
    const text = `the node already has ${room.active} attempts, its limit (--max-attempts) is ${room.maxAttempts}`;
    return refused(NotRunReason.REFUSED_POLICY, text);
  }
  if (room.freeBytes < LEAST_FREE_BYTES) {
    const text = `the node has ${printBytes(room.freeBytes)} free under its state directory, ${printBytes(LEAST_FREE_BYTES)} are needed`;
    return refused(NotRunReason.NO_DISK, text);
  }
  return { kind: 'accepted' };
}

function refused(reason: NotRunReason, message: string): AdmissionAnswer {
  return { kind: 'refused', reason, message };
}
