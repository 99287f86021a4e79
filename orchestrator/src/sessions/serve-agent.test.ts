import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@muster/testing/manual-clock';
import { RawAgent } from '@muster/testing/raw-agent';
import { sessionWorld } from './session-world.fixture.ts';

describe('a stream', () => {
  it('P1: on which no hello comes within 10 s ends with DEADLINE_EXCEEDED', async () => {
    const clock = new ManualClock();
    await using world = await sessionWorld({ clock });
    await using agent = RawAgent.connect(await world.enroll('silent'));
    await clock.waitUntilSleepers(1);
    let over = false;
    const end = agent.over.then((failure) => {
      over = true;
      return failure;
    });
    await clock.advance(9_999);
    expect(over).toBe(false);
    await clock.advance(1);
    expect((await end)?.code).toBe('deadline_exceeded');
  });
});
