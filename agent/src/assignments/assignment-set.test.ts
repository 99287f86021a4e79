import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { AssignmentsSchema } from '@muster/gen/muster/agent/v1/assignment_pb';
import { type AssignmentSet, appliedRevision, applyAssignments, noAssignments } from './assignment-set.ts';

const complete = (revision: bigint) =>
  create(AssignmentsSchema, { revision, set: { case: 'complete', value: { assignments: [{ attemptId: 'a' }] } } });
const changes = (revision: bigint, followsRevision: bigint) =>
  create(AssignmentsSchema, { revision, set: { case: 'changes', value: { followsRevision, changes: [{}] } } });
const empty = create(AssignmentsSchema, { revision: 1n });
const at = (revision: bigint): AssignmentSet => ({ kind: 'complete', revision });

describe('the assignments of a session', () => {
  it.each([
    ['nothing yet', noAssignments, 'COMPLETE 1', complete(1n), 'complete', 1n],
    ['nothing yet', noAssignments, 'COMPLETE 2', complete(2n), 'gap', 0n],
    ['nothing yet', noAssignments, 'changes', changes(2n, 1n), 'gap', 0n],
    ['nothing yet', noAssignments, 'neither', empty, 'gap', 0n],
    ['revision 1', at(1n), 'COMPLETE again', complete(1n), 'gap', 1n],
    ['revision 1', at(1n), 'the next changes', changes(2n, 1n), 'changes', 2n],
    ['revision 1', at(1n), 'the same revision', changes(1n, 1n), 'gap', 1n],
    ['revision 1', at(1n), 'a skipped revision', changes(3n, 2n), 'gap', 1n],
    ['revision 1', at(1n), 'a jump', changes(3n, 1n), 'gap', 1n],
    ['revision 7', at(7n), 'the next changes', changes(8n, 7n), 'changes', 8n],
    ['revision 7', at(7n), 'neither', empty, 'gap', 7n],
  ])('at %s, %s%s gives the outcome of the table', (_at, set, _frameName, frame, kind, revision) => {
    const applied = applyAssignments(set, frame);
    expect(applied.kind).toBe(kind);
    expect(appliedRevision(applied.kind === 'gap' ? set : applied.set)).toBe(revision);
  });
});
