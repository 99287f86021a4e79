// The agent's side of the protocol's rules (agent_service.proto), over real mutual TLS. Each title names its rule.
import { rename, truncate } from 'node:fs/promises';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/common/errors/app-error';
import { GapReason } from '@muster/gen/muster/agent/v1/log_pb';
import { GoodbyeReason, Verdict } from '@muster/gen/muster/agent/v1/session_pb';
import { AttemptState, NotRunReason, StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import type { FakeSession } from '@muster/testing/fake-orchestrator';
import {
  acknowledgeOutput,
  establish,
  freshId,
  outputOf,
  processAssignment,
  type TestWorld,
  testWorld,
} from '../agent.fixture.ts';

const finished = (attemptId: string) => (status: { attemptId: string; state: AttemptState }) =>
  status.attemptId === attemptId && status.state >= AttemptState.NOT_RUN;

describe('the agent keeps the protocol', () => {
  let world: TestWorld;
  beforeEach(async () => {
    world = await testWorld();
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  async function opened(assignments: Parameters<typeof establish>[1] = []): Promise<FakeSession> {
    await world.start();
    const session = await world.door.accept();
    await establish(session, assignments);
    return session;
  }

  /** Offers an attempt, waits for the answer, and starts it. */
  async function run(session: FakeSession, assignment: ReturnType<typeof processAssignment>): Promise<string> {
    await session.change({ case: 'offer', value: { assignment } });
    const reply = await session.next('assignmentReply', (each) => each.attemptId === assignment.attemptId);
    expect(reply.reply.case).toBe('accepted');
    await session.change({ case: 'start', value: { attemptId: assignment.attemptId } });
    return assignment.attemptId;
  }

  it('P2: the agent sends nothing between hello and welcome', async () => {
    await world.start();
    const session = await world.door.accept();
    const hello = await session.hello();
    expect(hello.labels).toEqual({ rack: 'a1' });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(session.frames.map((each) => each.message.case)).toEqual(['hello']);
  });

  it('P3: sequences count from 1 without a gap, and a gap from the other side ends the session', async () => {
    const session = await opened();
    await session.next('heartbeat');
    await eventually(() => session.frames.length > 4);
    expect(session.frames.map((each) => Number(each.sequence))).toEqual(session.frames.map((_, at) => at + 1));
    await session.send({ case: 'drain', value: { draining: false } }, 1_000n);
    await world.door.accept();
    expect(session.over).toBe(true);
  });

  it('P5: after goodbye with retry_after the agent half-closes and comes back no sooner', async () => {
    const session = await opened();
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
    const session = await opened();
    await session.send({ case: undefined });
    const answer = await session.next('unsupported');
    expect(answer.sequence).toBeGreaterThan(2n);
    await session.send({ case: 'unsupported', value: { sequence: 1n } });
    await eventually(() => session.all('heartbeat').length > 3);
    expect(session.all('unsupported')).toHaveLength(1);
  });

  it('P9: the first heartbeat comes at once, and then one per period', async () => {
    const session = await opened();
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
    const session = await opened();
    const value = { revision: 5n, set: { case: 'changes' as const, value: { followsRevision: 4n, changes: [] } } };
    await session.send({ case: 'assignments', value });
    expect((await session.next('goodbye')).reason).toBe(GoodbyeReason.REVISION_GAP);
  });

  it('P16: COMPLETE starts what it names and the node does not have, and ends nothing that it does not name', async () => {
    const assignment = processAssignment(['sleep', '30']);
    const session = await opened([assignment]);
    await session.next('attemptStatus', (each) => each.state === AttemptState.RUNNING);
    session.close(new AppError('unavailable', 'gone'));
    const second = await world.door.accept();
    const hello = await second.hello();
    expect(hello.attempts.map((each) => [each.attemptId, each.state])).toEqual([
      [assignment.attemptId, AttemptState.RUNNING],
    ]);
    await establish(second, []);
    await eventually(() => second.all('heartbeat').length > 3);
    expect(second.all('attemptStatus').some((each) => each.state >= AttemptState.STOPPING)).toBe(false);
    await second.change({ case: 'stop', value: { attemptId: assignment.attemptId, stoppedBy: StoppedBy.CANCEL } });
    await second.next('attemptStatus', finished(assignment.attemptId));
  });

  it('P17: an offer is answered and prepares nothing; it dies by withdraw', async () => {
    const session = await opened();
    const assignment = processAssignment(['true']);
    await session.change({ case: 'offer', value: { assignment } });
    expect((await session.next('assignmentReply')).reply.case).toBe('accepted');
    await session.change({ case: 'withdraw', value: { attemptId: assignment.attemptId } });
    await session.change({ case: 'start', value: { attemptId: assignment.attemptId } });
    expect((await session.next('goodbye')).reason).toBe(GoodbyeReason.REVISION_GAP);
    expect(session.all('attemptStatus')).toHaveLength(0);
  });

  it('P17: a draining node, a full one and one without the driver refuse with a sentence', async () => {
    await world.start({ maxAttempts: 1 });
    const session = await world.door.accept();
    await establish(session);
    const refusal = async (assignment: ReturnType<typeof processAssignment>) => {
      await session.change({ case: 'offer', value: { assignment } });
      const { reply } = await session.next('assignmentReply', (each) => each.attemptId === assignment.attemptId);
      return reply.case === 'refused' ? reply.value.reason : undefined;
    };
    const container = {
      ...processAssignment([]),
      spec: { workload: { kind: { case: 'container' as const, value: { image: 'x' } } } },
    };
    expect((await refusal(container))?.reason).toBe(NotRunReason.UNSUPPORTED);
    await session.send({ case: 'drain', value: { draining: true } });
    expect((await refusal(processAssignment(['true'])))?.message).toContain('drained');
    await session.send({ case: 'drain', value: { draining: false } });
    expect(await refusal(processAssignment(['true']))).toBeUndefined();
    expect((await refusal(processAssignment(['true'])))?.message).toContain('--max-attempts');
  });

  it('P18: start runs the attempt once, and a repeated start changes nothing', async () => {
    const session = await opened();
    acknowledgeOutput(session);
    const attemptId = await run(session, processAssignment(['sh', '-c', 'echo hello; exit 3']));
    await session.change({ case: 'start', value: { attemptId } });
    const status = await session.next('attemptStatus', finished(attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({ how: { case: 'exited', value: { code: 3 } } });
    expect(status.streamLengths.map((each) => each.lengthBytes)).toEqual([6n, 0n]);
    await eventually(() => outputOf(session, attemptId).toString() === 'hello\n');
    await session.change({ case: 'start', value: { attemptId } });
    await eventually(() => session.all('heartbeat').length > 3);
    expect(session.over).toBe(false);
    expect(
      new Set(
        session
          .all('attemptStatus')
          .filter(finished(attemptId))
          .map((each) => each.pid),
      ).size,
    ).toBe(1);
  });

  it('P19: a run that an earlier agent started is adopted, not started again', async () => {
    const agent = await world.start();
    const first = await world.door.accept();
    await establish(first);
    const assignment = processAssignment(['sh', '-c', `echo run >> ${world.dir.join('count')}; sleep 0.6; exit 4`]);
    await run(first, assignment);
    const running = await first.next('attemptStatus', (each) => each.state === AttemptState.RUNNING);
    first.close(new AppError('unavailable', 'gone'));
    await agent.stop();
    await world.start();
    const second = await world.door.accept();
    await establish(second, [assignment]);
    const status = await second.next('attemptStatus', finished(assignment.attemptId));
    expect(status.pid).toBe(running.pid);
    expect(status.outcome?.outcome.value).toMatchObject({ how: { case: 'exited', value: { code: 4 } } });
  });

  it('P21: a stop ends the process tree by signal, grace and SIGKILL, and says which signals were sent', async () => {
    const session = await opened();
    const stop = { grace: durationFromMs(100) };
    const argv = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'];
    const attemptId = await run(session, processAssignment(argv, { stop }));
    await session.next('attemptStatus', (each) => each.state === AttemptState.RUNNING);
    await session.change({ case: 'stop', value: { attemptId, stoppedBy: StoppedBy.CANCEL } });
    const status = await session.next('attemptStatus', finished(attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({
      stoppedBy: StoppedBy.CANCEL,
      signalsSent: ['SIGTERM', 'SIGKILL'],
    });
  });

  it('P21: an attempt that COMPLETE names with a stop, and that never began, ends as never_started', async () => {
    const assignment = processAssignment(['true']);
    const session = await opened([
      { ...assignment, stop: { attemptId: assignment.attemptId, stoppedBy: StoppedBy.CANCEL } },
    ]);
    const status = await session.next('attemptStatus', finished(assignment.attemptId));
    expect(status.state).toBe(AttemptState.NOT_RUN);
    expect(status.outcome?.outcome.value).toMatchObject({ reason: NotRunReason.NEVER_STARTED });
  });

  it('P23: a status is repeated in every session until it is acknowledged', async () => {
    const session = await opened();
    const attemptId = await run(session, processAssignment(['true']));
    await session.next('attemptStatus', finished(attemptId));
    session.close(new AppError('unavailable', 'gone'));
    const second = await world.door.accept();
    await establish(second);
    await second.next('attemptStatus', finished(attemptId));
    const statuses = [{ attemptId, state: AttemptState.ENDED }];
    await second.send({ case: 'statusAck', value: { statuses } });
    await eventually(() => second.all('heartbeat').length > 2);
    second.close(new AppError('unavailable', 'gone'));
    const third = await world.door.accept();
    expect((await third.hello()).attempts).toHaveLength(1);
    await establish(third);
    await eventually(() => third.all('heartbeat').length > 2);
    expect(third.all('attemptStatus')).toHaveLength(0);
  });

  it('P25: forget deletes an attempt, and nothing else does', async () => {
    const agent = await world.start();
    const session = await world.door.accept();
    await establish(session);
    const attemptId = await run(session, processAssignment(['true']));
    await session.next('attemptStatus', finished(attemptId));
    await session.send({ case: 'forget', value: { attemptIds: [attemptId] } });
    await eventually(() => session.all('heartbeat').length > 2);
    await agent.stop();
    await world.start();
    const second = await world.door.accept();
    expect((await second.hello()).attempts).toEqual([]);
  });

  it('P25: a verdict of forget in welcome deletes what the orchestrator has durably', async () => {
    const session = await opened();
    const attemptId = await run(session, processAssignment(['true']));
    await session.next('attemptStatus', finished(attemptId));
    session.close(new AppError('unavailable', 'gone'));
    const second = await world.door.accept();
    await second.hello();
    await second.welcome({
      verdicts: [{ attemptId, verdict: Verdict.FORGET }],
    });
    second.close(new AppError('unavailable', 'gone'));
    const third = await world.door.accept();
    expect((await third.hello()).attempts).toEqual([]);
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

  it('P27: chunks are at most 256 KiB, and unacknowledged bytes stay within the windows', async () => {
    const session = await opened();
    const attemptId = await run(session, processAssignment(['sh', '-c', 'yes 0123456789 | head -c 3000000']));
    await session.next('attemptStatus', finished(attemptId));
    await eventually(() => outputOf(session, attemptId).length === 1024 * 1024);
    await eventually(() => session.all('heartbeat').length > 4);
    expect(outputOf(session, attemptId).length).toBe(1024 * 1024);
    for (const chunk of session.all('logChunk')) expect(chunk.data.length).toBeLessThanOrEqual(256 * 1024);
    acknowledgeOutput(session);
    await session.send({ case: 'logAck', value: { attemptId, run: 1, stream: 1, nextOffsetBytes: 1024n * 1024n } });
    await eventually(() => outputOf(session, attemptId).length === 3_000_000);
    expect(outputOf(session, attemptId).toString()).toBe('0123456789\n'.repeat(272_728).slice(0, 3_000_000));
  });

  it('P27: a stream that found the node’s window full goes on as soon as another’s bytes are acknowledged', async () => {
    await world.start();
    const session = await world.door.accept();
    await session.welcome({ log: { nodeWindowBytes: 100_000n } });
    session.answerHeartbeats();
    const first = processAssignment(['sh', '-c', 'yes | head -c 100000; sleep 1']);
    await session.complete([first]);
    await eventually(() => outputOf(session, first.attemptId).length === 100_000);
    const second = await run(session, processAssignment(['sh', '-c', 'yes | head -c 90000; sleep 1']));
    await session.next('attemptStatus', (each) => each.attemptId === second && each.state === AttemptState.RUNNING);
    await eventually(() => session.all('heartbeat').length > 4);
    expect(outputOf(session, second)).toHaveLength(0);
    const beganMs = performance.now();
    const value = { attemptId: first.attemptId, run: 1, stream: 1, nextOffsetBytes: 100_000n };
    await session.send({ case: 'logAck', value });
    await eventually(() => outputOf(session, second).length === 90_000);
    expect(performance.now() - beganMs).toBeLessThan(2_000);
  });

  it('P28: the next session goes on from the acknowledged offset', async () => {
    const session = await opened();
    const attemptId = await run(session, processAssignment(['sh', '-c', 'printf 0123456789']));
    await eventually(() => outputOf(session, attemptId).length === 10);
    await session.send({ case: 'logAck', value: { attemptId, run: 1, stream: 1, nextOffsetBytes: 4n } });
    await eventually(() => session.all('heartbeat').length > 2);
    session.close(new AppError('unavailable', 'gone'));
    const second = await world.door.accept();
    await establish(second);
    const chunk = await second.next('logChunk');
    expect([chunk.offsetBytes, Buffer.from(chunk.data).toString()]).toEqual([4n, '456789']);
  });

  it('P29: an ack that lies behind makes the agent go on from there', async () => {
    const session = await opened();
    const attemptId = await run(session, processAssignment(['sh', '-c', 'printf 0123456789; sleep 5; printf abc']));
    await eventually(() => outputOf(session, attemptId).length === 10);
    const ack = (nextOffsetBytes: bigint) =>
      session.send({ case: 'logAck', value: { attemptId, run: 1, stream: 1, nextOffsetBytes } });
    await ack(10n);
    await ack(3n);
    await session.next('logChunk', (each) => each.offsetBytes === 3n && each.data.length === 7);
    await ack(3n);
    await ack(3n);
    await eventually(() => session.all('heartbeat').length > 4);
    expect(session.all('logChunk').filter((each) => each.offsetBytes === 3n)).toHaveLength(1);
    await session.change({ case: 'stop', value: { attemptId, stoppedBy: StoppedBy.CANCEL } });
    await session.next('attemptStatus', finished(attemptId));
  });

  it.each([
    ['deleted', (path: string) => rename(path, `${path}.away`)],
    ['cut', (path: string) => truncate(path, 2)],
  ])(
    'P30: output whose file was %s is reported by log_gap; sent and missing bytes are the bytes produced',
    async (_how, harm) => {
      const session = await opened();
      const attemptId = await run(session, processAssignment(['sh', '-c', 'printf 0123456789; sleep 0.5']));
      await eventually(() => outputOf(session, attemptId).length === 10);
      await harm(world.dir.join('runs', `${attemptId}-1.out`));
      const status = await session.next('attemptStatus', finished(attemptId));
      expect(status.streamLengths[0]?.lengthBytes).toBe(10n);
      await session.send({ case: 'logAck', value: { attemptId, run: 1, stream: 1, nextOffsetBytes: 1n } });
      await session.send({ case: 'logAck', value: { attemptId, run: 1, stream: 1, nextOffsetBytes: 0n } });
      const gap = await session.next('logGap');
      expect(gap.reason).toBe(GapReason.FILE_GONE);
      expect(gap.offsetBytes + gap.lengthBytes).toBe(10n);
    },
  );

  it('hides what configures Muster from runs and marks them', async () => {
    const session = await opened();
    const attemptId = await run(session, processAssignment(['env'], { env: { A: 'b\nc' } }));
    await eventually(() => outputOf(session, attemptId).toString().includes(`MUSTER_ATTEMPT=${attemptId}`));
    expect(outputOf(session, attemptId).toString()).toContain('A=b\nc');
    expect(outputOf(session, attemptId).toString()).not.toContain('hidden');
  });

  it('ends a run at its timeout', async () => {
    const session = await opened();
    const timeouts = { run: durationFromMs(200) };
    const attemptId = await run(session, processAssignment(['sleep', '30'], { timeouts }));
    const status = await session.next('attemptStatus', finished(attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({ stoppedBy: StoppedBy.TIMEOUT, signalsSent: ['SIGTERM'] });
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

  it('refuses attempts when the disk has no room', async () => {
    const { nodeDisk } = await import('@muster/common/disk/node-disk');
    await world.start({ disk: { ...nodeDisk, freeBytes: async () => 1_000 } });
    const session = await world.door.accept();
    await establish(session);
    await session.change({ case: 'offer', value: { assignment: processAssignment(['true'], {}, freshId()) } });
    const { reply } = await session.next('assignmentReply');
    expect(reply.case === 'refused' ? reply.value.reason?.reason : undefined).toBe(NotRunReason.NO_DISK);
  });
});
