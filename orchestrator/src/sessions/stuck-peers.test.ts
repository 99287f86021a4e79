// Peers that are silent, deaf or do not go: each is cut off after a bound, and none holds memory or a node for ever.
import { describe, expect, it } from '@jest/globals';
import { GoodbyeReason } from '@muster/gen/muster/agent/v1/session_pb';
import { eventually } from '@muster/testing/eventually';
import { ManualClock } from '@muster/testing/manual-clock';
import { RawAgent } from '@muster/testing/raw-agent';
import { sessionWorld, someAssignment } from './session-world.fixture.ts';

describe('a stuck peer', () => {
  it('P1: is ended with DEADLINE_EXCEEDED when it says no hello within 10 s', async () => {
    const clock = new ManualClock();
    await using world = await sessionWorld({ clock });
    const agent = RawAgent.connect(await world.enroll('silent'));
    await clock.waitUntilSleepers(1);
    await clock.advance(9_999);
    expect(agent.ended).toBe(false);
    await clock.advance(1);
    expect((await agent.over)?.code).toBe('deadline_exceeded');
    await agent[Symbol.asyncDispose]();
  });

  it('is ended when it has read nothing for three periods while something waits for it', async () => {
    await using world = await sessionWorld();
    const node = await world.enroll('deaf');
    await using agent = await RawAgent.welcomed(node);
    agent.pause();
    const session = world.registry.get(node.nodeId);
    if (session === undefined) throw new Error('no session');
    const { spec, ...rest } = someAssignment();
    // 32 MiB in frames of 1 MiB: more than both ends' windows and queues take.
    for (let count = 0; count < 32; count += 1) {
      session.assign({ kind: 'offer', assignment: { ...rest, spec: { ...spec, stdin: new Uint8Array(1024 * 1024) } } });
    }
    await eventually(() => {
      session.sweep(performance.now() + 30_001);
      return session.ended;
    });
    agent.resume();
    // The status may stand behind frames that it never took; then the stream is reset.
    expect(['resource_exhausted', 'cancelled', 'unavailable']).toContain((await agent.over)?.code);
    expect(world.registry.get(node.nodeId)).toBeUndefined();
    expect(world.ports.closes).toHaveLength(1);
  });

  it('is ended when it said goodbye and has not ended the stream after 10 s', async () => {
    await using world = await sessionWorld();
    const node = await world.enroll('lingering');
    await using agent = await RawAgent.welcomed(node);
    await agent.send({ case: 'goodbye', value: { reason: GoodbyeReason.SHUTDOWN } });
    const session = world.registry.get(node.nodeId);
    await eventually(() => session?.ended === true);
    session?.sweep(performance.now() + 9_000);
    expect(agent.ended).toBe(false);
    session?.sweep(performance.now() + 10_001);
    expect((await agent.over)?.code).toBe('deadline_exceeded');
  });
});
