// An attempt whose start fails in a way that nobody foresaw still comes to an end that the orchestrator hears of.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AttemptState, NotRunReason } from '@muster/gen/muster/job/v1/status_pb';
import { establish, processAssignment, type TestWorld, testWorld } from '../agent.fixture.ts';

describe('a start that fails', () => {
  let world: TestWorld;
  beforeEach(async () => {
    world = await testWorld();
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('ends an attempt that no process can have as not run, with the reason', async () => {
    await world.start();
    const session = await world.door.accept();
    const assignment = processAssignment(['true'], { env: { 'A=B': 'x' } });
    await establish(session, [assignment]);
    const status = await session.next('attemptStatus', (each) => each.state >= AttemptState.NOT_RUN);
    expect(status).toMatchObject({ attemptId: assignment.attemptId, state: AttemptState.NOT_RUN });
    expect(status.outcome?.outcome.value).toMatchObject({
      reason: NotRunReason.INVALID_SPEC,
      message: expect.stringContaining('must not be empty or contain ='),
    });
  });
});
