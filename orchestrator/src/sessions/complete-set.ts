/**
 * Fits the COMPLETE set into frames (P7: 4 MiB). Specs hold scripts and inputs of up to 2 MiB, a node may have hundreds of
 * attempts. A node has the spec of every attempt that its hello named, so those can go without; what is left over and
 * new to it follows as offer and start, which say the same.
 */
import type { AttemptId } from '@muster/common/ids/ids';
import type { Assignment, AssignmentChange } from './session-ports.ts';

/** Bytes of specs in one frame, by the estimate below; far enough from 4 MiB for what the estimate does not see. */
export const MOST_SPEC_BYTES_PER_FRAME = 1024 * 1024;

/** The set, and what follows it. */
export interface FittedSet {
  readonly complete: readonly Assignment[];
  /** Attempts of the set that go without their spec. */
  readonly withoutSpec: ReadonlySet<AttemptId>;
  readonly following: readonly AssignmentChange[];
}

/** Fits a set for a node that holds `held`. */
export function fitCompleteSet(complete: readonly Assignment[], held: ReadonlySet<AttemptId>): FittedSet {
  const sizes = complete.map(roughSpecBytes);
  if (sizes.reduce((sum, size) => sum + size, 0) <= MOST_SPEC_BYTES_PER_FRAME) {
    return { complete, withoutSpec: new Set(), following: [] };
  }
  const known = complete.filter(({ attemptId }) => held.has(attemptId));
  const fitting = [...known];
  const following: AssignmentChange[] = [];
  let bytes = 0;
  complete.forEach((assignment, at) => {
    if (held.has(assignment.attemptId)) return;
    bytes += sizes[at] ?? 0;
    // One always fits: its spec was accepted at submission, which has the same limit.
    if (bytes <= MOST_SPEC_BYTES_PER_FRAME || fitting.length === known.length) fitting.push(assignment);
    else following.push(...asChanges(assignment));
  });
  return { complete: fitting, withoutSpec: new Set(known.map(({ attemptId }) => attemptId)), following };
}

function asChanges({ stop, ...assignment }: Assignment): AssignmentChange[] {
  const { attemptId } = assignment;
  const begin: AssignmentChange[] = [
    { kind: 'offer', assignment },
    { kind: 'start', attemptId },
  ];
  return stop === undefined ? begin : [...begin, { kind: 'stop', attemptId, stoppedBy: stop }];
}

/** About how large an assignment is on the wire; UTF-8 is at most three bytes per UTF-16 unit. */
export function roughSpecBytes({ spec }: Assignment): number {
  const kind = spec.workload?.kind;
  const texts = [...Object.entries(spec.env).flat(), spec.workingDirectory];
  if (kind?.case === 'script') texts.push(kind.value.content, ...kind.value.interpreterArgs, ...kind.value.args);
  if (kind?.case === 'process') texts.push(...kind.value.argv);
  // Each text has a tag and a length beside it. The rest is a name, labels, limits: about a kilobyte.
  return texts.reduce((sum, text) => sum + 8 + text.length * 3, 1024 + spec.stdin.byteLength);
}
