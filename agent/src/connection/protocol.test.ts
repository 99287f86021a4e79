// The agent's side of the protocol's rules (agent_service.proto) about sessions, over real mutual TLS. Each title names its rule.
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/common/errors/app-error';
import { GoodbyeReason } from '@muster/gen/muster/agent/v1/session_pb';
import { eventually } from '@muster/testing/eventually';
import type { FakeSession } from '@muster/testing/fake-orchestrator';
import { establish, processAssignment, type TestWorld, testWorld } from '../agent.fixture.ts';
import { opened } from './protocol.fixture.ts';

let world: TestWorld;
beforeEach(async () => {
  world = await testWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

describe('the agent keeps the protocol: sessions', () => {
  it('P2: the agent sends nothing between hello and welcome', async () => {
    await world.start();
    const session = await world.door.accept();
    const hello = await session.hello();
    expect(hello.labels).toEqual({ rack: 'a1' });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(session.frames.map((each) => each.message.case)).toEqual(['hello']);
  });

  it('P3: sequences count from 1 without a gap, and a gap from the other side ends the session', async () => {
    const session = await opened(world);
    await session.next('heartbeat');
    await eventually(() => session.frames.length > 4);
    expect(session.frames.map((each) => Number(each.sequence))).toEqual(session.frames.map((_, at) => at + 1));
    await session.send({ case: 'drain', value: { draining: false } }, 1_000n);
    await world.door.accept();
    expect(session.over).toBe(true);
  });

  it('P5: after goodbye with retry_after the agent half-closes and comes back no sooner', async () => {
    const session = await opened(world);
    await session.next('heartbeat');
    const beganMs = performance.now();
    const value = { reason: GoodbyeReason.OVERLOADED, message: 'busy', retryAfter: durationFromMs(400) };
    await session.send({ case: 'goodbye', value });
    await eventually(() => session.over);
    session.close();
    await world.door.accept();
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(400);
  });

  it('P5: the agent says goodbye(SHUTDOWN) when it ends', async () => {
    const agent = await world.start();
    const session = await world.door.accept();
    await establish(session);
    const stopping = agent.stop();
    const goodbye = await session.next('goodbye');
    expect(goodbye.reason).toBe(GoodbyeReason.SHUTDOWN);
    await eventually(() => session.over);
    session.close();
    await stopping;
  });

  it('P6: a message it does not know is answered with unsupported, and unsupported itself is not', async () => {
    const session = await opened(world);
    await session.send({ case: undefined });
    const answer = await session.next('unsupported');
    expect(answer.sequence).toBeGreaterThan(2n);
    await session.send({ case: 'unsupported', value: { sequence: 1n } });
    await eventually(() => session.all('heartbeat').length > 3);
    expect(session.all('unsupported')).toHaveLength(1);
  });

  it('P9: the first heartbeat comes at once, and then one per period', async () => {
    const session = await opened(world);
    await eventually(() => session.all('heartbeat').length >= 4);
    const beats = session.all('heartbeat');
    expect(beats[0]?.usage?.agentMemoryBytes).toBeGreaterThan(1_000_000n);
    expect(beats.at(-1)?.appliedRevision).toBe(1n);
  });

  it('P9: settings change the period at once', async () => {
    await world.start();
    const session = await world.door.accept();
    await session.welcome({ heartbeatPeriod: durationFromMs(60_000) });
    session.answerHeartbeats();
    await session.next('heartbeat');
    await session.send({ case: 'settings', value: { heartbeatPeriod: durationFromMs(50) } });
    await eventually(() => session.all('heartbeat').length >= 4);
  });

  it('P11: three periods without heartbeat_ack make the agent dial again', async () => {
    await world.start();
    const session = await world.door.accept();
    await session.welcome({ heartbeatPeriod: durationFromMs(60) });
    const goodbye = await session.next('goodbye');
    expect(goodbye.reason).toBe(GoodbyeReason.DEAF);
    session.close();
    await world.door.accept();
  });

  it('P13: a store epoch lower than one it has seen is answered with goodbye(EPOCH_BACKWARDS), also after a restart', async () => {
    const agent = await world.start();
    const first = await world.door.accept();
    await first.welcome({ storeEpoch: 7n });
    first.answerHeartbeats();
    await first.next('heartbeat');
    first.close(new AppError('unavailable', 'gone'));
    await agent.stop();
    await world.start();
    const second = await eventuallyHello(7n);
    await second.welcome({ storeEpoch: 6n });
    const goodbye = await second.next('goodbye');
    expect(goodbye.reason).toBe(GoodbyeReason.EPOCH_BACKWARDS);
    expect(second.all('heartbeat')).toHaveLength(0);
  });

  async function eventuallyHello(epoch: bigint): Promise<FakeSession> {
    const session = await world.door.accept();
    const hello = await session.hello();
    return hello.highestStoreEpoch === epoch && !session.over ? session : eventuallyHello(epoch);
  }

  it('P14: nothing starts before the COMPLETE set; changes before it are a revision gap', async () => {
    await world.start();
    const session = await world.door.accept();
    await session.welcome();
    await session.change({ case: 'offer', value: { assignment: processAssignment(['true']) } });
    const goodbye = await session.next('goodbye');
    expect(goodbye.reason).toBe(GoodbyeReason.REVISION_GAP);
    expect(session.all('assignmentReply')).toHaveLength(0);
  });

  it('P15: a change that does not follow the last revision is answered with goodbye(REVISION_GAP)', async () => {
    const session = await opened(world);
    const value = { revision: 5n, set: { case: 'changes' as const, value: { followsRevision: 4n, changes: [] } } };
    await session.send({ case: 'assignments', value });
    expect((await session.next('goodbye')).reason).toBe(GoodbyeReason.REVISION_GAP);
  });

  it('P26: a changed fingerprint is reported, and the same content is never sent twice', async () => {
    let drivers = ['process'];
    let looks = 0;
    const run = async () => {
      looks += 1;
      return { part: { drivers } };
    };
    await world.start({ probe: { name: 'test', timeoutMs: 1_000, periodMs: 50, run } });
    const session = await world.door.accept();
    await establish(session);
    await eventually(() => looks > 4);
    expect(session.all('capabilityReport')).toHaveLength(0);
    drivers = ['process', 'script'];
    const report = await session.next('capabilityReport');
    expect(report.fingerprint?.drivers).toEqual(drivers);
    const seen = looks;
    await eventually(() => looks > seen + 3);
    expect(session.all('capabilityReport')).toHaveLength(1);
  });

  it('tries all addresses in turn', async () => {
    await world.start({ addresses: ['localhost:1', world.door.address] });
    const session = await world.door.accept();
    await session.hello();
  });

  it('goes back to the backoff only after a heartbeat was acknowledged', async () => {
    await world.start();
    for (let times = 0; times < 3; times += 1) (await world.door.accept()).close(new AppError('unavailable', 'no'));
    await establish(await world.door.accept());
  });
});
