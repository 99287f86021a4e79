// What the tests of the agent's side of the protocol share: an open session, and an attempt brought to its start.
import { expect } from '@jest/globals';
import { AttemptState } from '@muster/gen/muster/job/v1/status_pb';
import type { FakeSession } from '@muster/testing/fake-orchestrator';
import { establish, type processAssignment, type TestWorld } from '../agent.fixture.ts';

/** Picks the terminal status of an attempt. */
export const finished = (attemptId: string) => (status: { attemptId: string; state: AttemptState }) =>
  status.attemptId === attemptId && status.state >= AttemptState.NOT_RUN;

/** Starts an agent and opens its first session with these assignments. */
export async function opened(
  world: TestWorld,
  assignments: Parameters<typeof establish>[1] = [],
): Promise<FakeSession> {
  await world.start();
  const session = await world.door.accept();
  await establish(session, assignments);
  return session;
}

/** Offers an attempt, waits for the answer, and starts it. */
export async function run(session: FakeSession, assignment: ReturnType<typeof processAssignment>): Promise<string> {
  await session.change({ case: 'offer', value: { assignment } });
  const reply = await session.next('assignmentReply', (each) => each.attemptId === assignment.attemptId);
  expect(reply.reply.case).toBe('accepted');
  await session.change({ case: 'start', value: { attemptId: assignment.attemptId } });
  return assignment.attemptId;
}
