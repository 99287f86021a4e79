/**
 * What a session's assignments frames ask for, and whether they follow one another (P15). Pure: it holds the revision
 * only; what is to be done is handed back. COMPLETE comes first and once; after it changes chain by revision.
 */
import type { Assignment, Assignments, Change } from '@muster/gen/muster/agent/v1/assignment_pb';

/** Where a session stands with its assignments. */
export type AssignmentSet =
  | { readonly kind: 'awaiting_complete' }
  | { readonly kind: 'complete'; readonly revision: bigint };

/** What a frame asks for, with the set after it; or why it cannot follow the last one. */
export type AppliedAssignments =
  | { readonly kind: 'complete'; readonly set: AssignmentSet; readonly assignments: readonly Assignment[] }
  | { readonly kind: 'changes'; readonly set: AssignmentSet; readonly changes: readonly Change[] }
  | { readonly kind: 'gap'; readonly message: string };

/** The set of a new session. */
export const noAssignments: AssignmentSet = { kind: 'awaiting_complete' };

/** COMPLETE always has this revision. */
const FIRST_REVISION = 1n;

/** Revision of the last frame that was applied; 0 before COMPLETE. */
export function appliedRevision(set: AssignmentSet): bigint {
  return set.kind === 'complete' ? set.revision : 0n;
}

/** Applies a frame. A `gap` leaves the set as it is: the session is to be ended with REVISION_GAP. */
export function applyAssignments(set: AssignmentSet, frame: Assignments): AppliedAssignments {
  switch (frame.set.case) {
    case 'complete':
      return applyComplete(set, frame.revision, frame.set.value.assignments);
    case 'changes':
      return applyChanges(set, frame.revision, frame.set.value.followsRevision, frame.set.value.changes);
    case undefined:
      return {
        kind: 'gap',
        message: `assignments revision ${frame.revision} holds neither a complete set nor changes`,
      };
  }
}

function applyComplete(set: AssignmentSet, revision: bigint, assignments: readonly Assignment[]): AppliedAssignments {
  if (set.kind === 'complete') {
    return { kind: 'gap', message: `a second complete set came, as revision ${revision}, after ${set.revision}` };
  }
  if (revision !== FIRST_REVISION) {
    return { kind: 'gap', message: `the complete set has revision ${revision}, it must have ${FIRST_REVISION}` };
  }
  return { kind: 'complete', set: { kind: 'complete', revision }, assignments };
}

function applyChanges(
  set: AssignmentSet,
  revision: bigint,
  follows: bigint,
  changes: readonly Change[],
): AppliedAssignments {
  if (set.kind === 'awaiting_complete') {
    return { kind: 'gap', message: `changes (revision ${revision}) came before the complete set` };
  }
  if (follows !== set.revision || revision !== follows + 1n) {
    return {
      kind: 'gap',
      message: `revision ${revision} follows ${follows}, but the last one here is ${set.revision}`,
    };
  }
  return { kind: 'changes', set: { kind: 'complete', revision }, changes };
}
