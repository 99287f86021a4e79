// The rules of proto/muster/agent/v1/agent_service.proto that the orchestrator keeps, one test per sentence, over real mTLS.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { asAttemptId } from '@muster/common/ids/ids';
import { ConnectRequestSchema } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { GoodbyeReason, Verdict } from '@muster/gen/muster/agent/v1/session_pb';
import { AttemptState, OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { type AgentMessage, helloMessage, RawAgent } from '@muster/testing/raw-agent';
import { type SessionWorld, sessionWorld, someAssignment, testIds } from './session-world.fixture.ts';

let world: SessionWorld;
const open: RawAgent[] = [];

beforeAll(async () => {
  world = await sessionWorld();
});

afterEach(async () => {
  for (const agent of open.splice(0)) await agent[Symbol.asyncDispose]();
  world.ports.reconciliation = { verdicts: [], complete: [] };
  world.ports.whileOpening = () => Promise.resolve();
  world.ports.whileStoring = () => Promise.resolve();
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

async function connected(): Promise<RawAgent> {
  const agent = RawAgent.connect(await world.enroll(testIds.next()));
  open.push(agent);
  return agent;
}

async function welcomed(hello?: Parameters<typeof RawAgent.welcomed>[1]): Promise<RawAgent> {
  const agent = await RawAgent.welcomed(await world.enroll(testIds.next()), hello);
  open.push(agent);
  return agent;
}

const heartbeat = { case: 'heartbeat', value: {} } satisfies AgentMessage;
const newAttempt = () => asAttemptId(testIds.next());
const sessionOf = (agent: RawAgent) => {
  const id = agent.all('welcome')[0]?.sessionId;
  const session = world.ports.sessions.find((each) => each.id === id);
  if (session === undefined) throw new Error('no such session');
  return session;
};

function status(attemptId: string, state: AttemptState): AgentMessage {
  return { case: 'attemptStatus', value: { attemptId, state, run: 1, pid: 7 } };
}

function chunk(attemptId: string, offset: number, length: number): AgentMessage {
  const value = {
    attemptId,
    run: 1,
    stream: OutputStream.STDOUT,
    offsetBytes: BigInt(offset),
    data: new Uint8Array(length),
  };
  return { case: 'logChunk', value };
}

describe('opening and closing', () => {
  it('P1: a first frame that is not hello ends the stream with FAILED_PRECONDITION', async () => {
    const agent = await connected();
    await agent.send(heartbeat);
    expect((await agent.over)?.code).toBe('failed_precondition');
  });

  it('P1: a second hello ends the stream with FAILED_PRECONDITION', async () => {
    const agent = await welcomed();
    await agent.send(helloMessage());
    expect((await agent.over)?.code).toBe('failed_precondition');
  });

  it('a hello that is not as it must be ends the stream with INVALID_ARGUMENT and the field', async () => {
    const agent = await connected();
    await agent.send(helloMessage({ ledgerId: 'x' }));
    expect(await agent.over).toMatchObject({ code: 'invalid_argument', field: 'hello.ledger_id' });
  });

  it('P2: the first frame is welcome, then comes the COMPLETE set as revision 1', async () => {
    const agent = await welcomed();
    expect(agent.received.map(({ message }) => message.case)).toEqual(['welcome', 'assignments']);
    const [welcome] = agent.all('welcome');
    expect(welcome).toMatchObject({ storeEpoch: 7n, nodeId: sessionOf(agent).nodeId });
    expect(welcome?.heartbeatPeriod?.seconds).toBe(10n);
    expect(agent.all('assignments')[0]).toMatchObject({ revision: 1n, set: { case: 'complete' } });
  });

  it('P2: a frame between hello and welcome ends the stream with FAILED_PRECONDITION', async () => {
    const opening = Promise.withResolvers<void>();
    world.ports.whileOpening = () => opening.promise;
    const agent = await connected();
    await agent.send(helloMessage());
    await agent.send(heartbeat);
    expect((await agent.over)?.code).toBe('failed_precondition');
    opening.resolve();
  });

  it.each([
    ['gap', 3n],
    ['repeat', 1n],
  ])('P3: a %s in the sequence ends the stream with FAILED_PRECONDITION', async (_what, sequence) => {
    const agent = await welcomed();
    await agent.sendFrame({ sequence, message: heartbeat });
    expect((await agent.over)?.code).toBe('failed_precondition');
  });

  it('P3: what the orchestrator sends is counted from 1', async () => {
    const agent = await welcomed();
    await agent.send(heartbeat);
    await agent.next('heartbeatAck');
    expect(agent.received.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n]);
  });

  it('P4: the newest session of a node ends the older one with goodbye(SUPERSEDED) and ABORTED, and only it counts', async () => {
    const node = await world.enroll('fenced');
    const older = await RawAgent.welcomed(node);
    open.push(older);
    const olderSession = sessionOf(older);
    open.push(await RawAgent.welcomed(node));
    expect((await older.over)?.code).toBe('aborted');
    expect(older.all('goodbye')[0]?.reason).toBe(GoodbyeReason.SUPERSEDED);
    expect(olderSession.ended).toBe(true);
    expect(world.ports.closes.filter((session) => session === olderSession)).toHaveLength(1);
    expect(world.registry.get(node.nodeId)?.ended).toBe(false);
  });

  it('P5: an agent that says goodbye and half-closes gets what is still held, and an orderly end', async () => {
    const stored = Promise.withResolvers<void>();
    world.ports.whileStoring = () => stored.promise;
    const agent = await welcomed();
    const session = sessionOf(agent);
    await agent.send(status(newAttempt(), AttemptState.RUNNING));
    await agent.send({ case: 'goodbye', value: { reason: GoodbyeReason.SHUTDOWN } });
    await eventually(() => session.ended);
    stored.resolve();
    await agent.next('statusAck');
    agent.halfClose();
    expect(await agent.over).toBeUndefined();
    expect(world.registry.get(session.nodeId)).toBeUndefined();
  });

  it('P5: the orchestrator says goodbye with retry_after, and ends the stream in order', async () => {
    const agent = await welcomed();
    sessionOf(agent).end('shutdown', 'see you', 1_500);
    const goodbye = await agent.next('goodbye');
    expect([goodbye.reason, goodbye.retryAfter?.seconds]).toEqual([GoodbyeReason.SHUTDOWN, 1n]);
    expect(await agent.over).toBeUndefined();
  });

  it('P6: a message that is not known is answered with unsupported, and the stream lives on', async () => {
    const agent = await welcomed();
    // Field 500 of a later version: read as a frame without a message.
    const unknown = fromBinary(ConnectRequestSchema, Uint8Array.from([0x08, 0x02, 0xa2, 0x1f, 0x01, 0x00]));
    expect(toBinary(ConnectRequestSchema, unknown)).toHaveLength(6);
    await agent.sendFrame(unknown);
    expect((await agent.next('unsupported')).sequence).toBe(2n);
    await agent.sendFrame({ sequence: 3n, message: heartbeat });
    expect((await agent.next('heartbeatAck')).heartbeatSequence).toBe(3n);
  });

  it('P6: unsupported itself is never answered', async () => {
    const agent = await welcomed();
    await agent.send({ case: 'unsupported', value: { sequence: 1n } });
    await agent.send(heartbeat);
    await agent.next('heartbeatAck');
    expect(agent.all('unsupported')).toEqual([]);
  });

  it('P7: a frame over 4 MiB ends the stream with RESOURCE_EXHAUSTED', async () => {
    const agent = await welcomed();
    agent.send({ case: 'goodbye', value: { message: 'x'.repeat(4 * 1024 * 1024) } }).catch(() => undefined);
    expect((await agent.over)?.code).toBe('resource_exhausted');
  });

  it('P8: more than three takeovers within a minute by other processes put the node in quarantine, with both addresses', async () => {
    const node = await world.enroll('cloned');
    for (let takeover = 0; takeover <= 3; takeover += 1) {
      open.push(await RawAgent.welcomed(node, { processId: testIds.next() }));
      expect(world.store.records.get(node.nodeId)?.quarantineReason).toBeUndefined();
    }
    const last = await RawAgent.welcomed(node, { processId: testIds.next() });
    open.push(last);
    await eventually(() => world.directory.get(node.nodeId)?.quarantined === true);
    const reason = world.store.records.get(node.nodeId)?.quarantineReason;
    expect(reason).toContain(sessionOf(last).address);
    expect(reason?.match(/127\.0\.0\.1:\d+/g)).toHaveLength(2);
    await last.send(heartbeat);
    await last.next('heartbeatAck');
  });

  it('P8: an agent that takes over from its own half-open stream is no clone', async () => {
    const node = await world.enroll('flaky');
    for (let takeover = 0; takeover <= 5; takeover += 1) open.push(await RawAgent.welcomed(node));
    expect(world.store.records.get(node.nodeId)?.quarantineReason).toBeUndefined();
  });
});

describe('who gets in', () => {
  it('a certificate that the store does not know is refused with UNAUTHENTICATED', async () => {
    const { nodeId, port } = await world.enroll('forged');
    const agent = RawAgent.connect({ port, identity: await world.ca.node(nodeId) });
    open.push(agent);
    await agent.send(helloMessage());
    expect((await agent.over)?.code).toBe('unauthenticated');
  });

  it('a node that was replaced is refused with UNAUTHENTICATED', async () => {
    const node = await world.enroll('old');
    const record = world.store.records.get(node.nodeId);
    if (record !== undefined) world.store.records.set(node.nodeId, { ...record, end: 'replaced' });
    const agent = RawAgent.connect(node);
    open.push(agent);
    expect((await agent.over)?.code).toBe('unauthenticated');
  });

  it('a certificate that names no node is refused with UNAUTHENTICATED', async () => {
    const agent = RawAgent.connect({ port: world.door.port, identity: await world.ca.nameless() });
    open.push(agent);
    expect((await agent.over)?.code).toBe('unauthenticated');
  });
});

describe('liveness', () => {
  it('P9: each heartbeat is answered, also while a status waits to be stored', async () => {
    const stored = Promise.withResolvers<void>();
    world.ports.whileStoring = () => stored.promise;
    const agent = await welcomed();
    await agent.send(status(newAttempt(), AttemptState.RUNNING));
    const sequence = await agent.send(heartbeat);
    expect((await agent.next('heartbeatAck')).heartbeatSequence).toBe(sequence);
    expect(agent.all('statusAck')).toEqual([]);
    stored.resolve();
    await agent.next('statusAck');
  });
});

describe('assignments', () => {
  it('P15: changes of one turn go out in one frame that names the revision it follows', async () => {
    const agent = await welcomed();
    const session = sessionOf(agent);
    const [first, second] = [someAssignment(), someAssignment()];
    session.assign({ kind: 'offer', assignment: first });
    session.assign({ kind: 'offer', assignment: second });
    session.assign({ kind: 'withdraw', attemptId: first.attemptId });
    const changes = await agent.next('assignments', 2);
    expect(changes).toMatchObject({ revision: 2n, set: { case: 'changes', value: { followsRevision: 1n } } });
    if (changes.set.case !== 'changes') throw new Error('no changes');
    expect(changes.set.value.changes.map(({ change }) => change.case)).toEqual(['offer', 'offer', 'withdraw']);
    session.assign({ kind: 'start', attemptId: second.attemptId });
    expect(await agent.next('assignments', 3)).toMatchObject({ revision: 3n });
  });

  it('P14: changes that are said while the session opens follow the COMPLETE set', async () => {
    world.ports.whileOpening = (session) => {
      session.assign({ kind: 'withdraw', attemptId: newAttempt() });
      return new Promise((resolve) => setImmediate(resolve));
    };
    const agent = await welcomed();
    await agent.next('assignments', 2);
    expect(agent.all('assignments').map(({ set }) => set.case)).toEqual(['complete', 'changes']);
  });

  it('P16: COMPLETE names the attempts that may run, with the stop that was asked for', async () => {
    const assignment = { ...someAssignment(), stop: 'cancel' } as const;
    world.ports.reconciliation = { verdicts: [], complete: [assignment] };
    const agent = await welcomed();
    const [complete] = agent.all('assignments');
    if (complete?.set.case !== 'complete') throw new Error('no complete set');
    expect(complete.set.value.assignments[0]).toMatchObject({ attemptId: assignment.attemptId });
    expect(complete.set.value.assignments[0]?.stop?.attemptId).toBe(assignment.attemptId);
  });

  it('P17: the answer to an offer reaches dispatch', async () => {
    const agent = await welcomed();
    const attemptId = newAttempt();
    await agent.send({ case: 'assignmentReply', value: { attemptId, reply: { case: 'accepted', value: {} } } });
    await eventually(() => world.ports.replies.some((each) => each.attemptId === attemptId));
  });

  it('P17: changes for a session that has ended are dropped', async () => {
    const agent = await welcomed();
    const session = sessionOf(agent);
    agent.cut();
    await eventually(() => session.ended);
    session.assign({ kind: 'offer', assignment: someAssignment() });
    session.forget([newAttempt()]);
    session.end('shutdown', 'again');
    expect(world.ports.closes.filter((each) => each === session)).toHaveLength(1);
  });

  it('P22: welcome has a verdict for each attempt that hello named', async () => {
    const attemptId = newAttempt();
    const acks = [{ attemptId, run: 1, stream: 'stdout', nextOffsetBytes: 42 } as const];
    world.ports.reconciliation = { verdicts: [{ attemptId, verdict: 'keep', acks }], complete: [] };
    const agent = await welcomed({ attempts: [{ attemptId, run: 1, state: AttemptState.RUNNING }] });
    expect(world.ports.opens.at(-1)?.hello.held).toEqual([{ attemptId, run: 1, state: 'running' }]);
    const verdict = agent.all('welcome')[0]?.verdicts[0];
    expect(verdict).toMatchObject({ attemptId, verdict: Verdict.KEEP });
    expect(verdict?.acks[0]?.nextOffsetBytes).toBe(42n);
  });
});

describe('reports', () => {
  it('P23: a status is acknowledged once it is durable, exactly as it was reported', async () => {
    const agent = await welcomed();
    const attemptId = newAttempt();
    await agent.send(status(attemptId, AttemptState.RUNNING));
    const ack = await agent.next('statusAck');
    expect(ack.statuses).toMatchObject([{ attemptId, state: AttemptState.RUNNING }]);
  });

  it('P23: the statuses of an attempt are stored in their order', async () => {
    const agent = await welcomed();
    const attemptId = newAttempt();
    const slow = Promise.withResolvers<void>();
    world.ports.whileStoring = (report) => (report.state.kind === 'running' ? slow.promise : Promise.resolve());
    await agent.send(status(attemptId, AttemptState.RUNNING));
    await agent.send(status(attemptId, AttemptState.STOPPING));
    await agent.send(heartbeat);
    await agent.next('heartbeatAck');
    slow.resolve();
    await eventually(() => world.ports.reports.filter((each) => each.attemptId === attemptId).length === 2);
    const kinds = world.ports.reports.flatMap((each) => (each.attemptId === attemptId ? [each.state.kind] : []));
    expect(kinds).toEqual(['running', 'stopping']);
  });

  it.each([
    ['status', (id: string) => status(id, AttemptState.RUNNING)],
    ['log', (id: string) => chunk(id, 0, 1)],
  ])(
    'P24: a %s frame about an attempt of another node, or of none, ends the stream with PERMISSION_DENIED',
    async (_what, frame) => {
      const agent = await welcomed();
      const stranger = newAttempt();
      world.ports.strangers.add(stranger);
      await agent.send(frame(stranger));
      const failure = await agent.over;
      expect(failure).toMatchObject({ code: 'permission_denied', message: 'the attempt is none of this node' });
    },
  );

  it('P25: forget goes to the agent', async () => {
    const agent = await welcomed();
    const ids = [newAttempt(), newAttempt()];
    sessionOf(agent).forget(ids);
    expect((await agent.next('forget')).attemptIds).toEqual(ids);
  });

  it('P26: a capability report is stored when it says something new', async () => {
    const agent = await welcomed();
    const report = (model: string): AgentMessage => ({
      case: 'capabilityReport',
      value: { fingerprint: { cpu: { model } } },
    });
    const before = world.store.fingerprintWrites;
    for (const model of ['a', 'a', 'b']) await agent.send(report(model));
    const { nodeId } = sessionOf(agent);
    await eventually(() => world.directory.view(nodeId)?.record.fingerprint?.cpu?.model === 'b');
    expect(world.store.fingerprintWrites - before).toBe(2);
  });
});
