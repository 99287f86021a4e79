// The rules of proto/muster/agent/v1/agent_service.proto about output, over real mTLS; the second half with the real intake on a disk.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { asAttemptId, type NodeId } from '@muster/common/ids/ids';
import { GapReason } from '@muster/gen/muster/agent/v1/log_pb';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import { type AgentMessage, RawAgent } from '@muster/testing/raw-agent';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import type { StreamTally } from '../domain/job.ts';
import { FileLogStore } from '../logs/file-log-store.ts';
import { LogIntake } from '../logs/log-intake.ts';
import { type SessionWorld, sessionWorld, testIds } from './session-world.fixture.ts';

let world: SessionWorld;
const open: RawAgent[] = [];

async function welcomed(): Promise<RawAgent> {
  const agent = await RawAgent.welcomed(await world.enroll(testIds.next()));
  open.push(agent);
  return agent;
}

const newAttempt = () => asAttemptId(testIds.next());
const sessionOf = (agent: RawAgent) => {
  const id = agent.all('welcome')[0]?.sessionId;
  const session = world.ports.sessions.find((each) => each.id === id);
  if (session === undefined) throw new Error('no such session');
  return session;
};

function chunk(attemptId: string, offset: number, length: number): AgentMessage {
  const data = new Uint8Array(length).fill(0x61);
  const value = { attemptId, run: 1, stream: OutputStream.STDOUT, offsetBytes: BigInt(offset), data };
  return { case: 'logChunk', value };
}

function gap(attemptId: string, offset: number, length: number): AgentMessage {
  const place = { attemptId, run: 1, stream: OutputStream.STDOUT, offsetBytes: BigInt(offset) };
  return { case: 'logGap', value: { ...place, lengthBytes: BigInt(length), reason: GapReason.SPOOL_FULL } };
}

describe('windows and acknowledgements', () => {
  beforeAll(async () => {
    world = await sessionWorld();
  });
  afterEach(cutAll);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('P27: a chunk of more than 256 KiB, or of nothing, ends the stream with INVALID_ARGUMENT', async () => {
    for (const length of [0, 256 * 1024 + 1]) {
      const agent = await welcomed();
      await agent.send(chunk(newAttempt(), 0, length));
      expect((await agent.over)?.code).toBe('invalid_argument');
    }
  });

  it('P27: going over the window of a stream ends the session with RESOURCE_EXHAUSTED', async () => {
    const agent = await welcomed();
    const attemptId = newAttempt();
    for (let offset = 0; offset < 1_000_000; offset += 250_000) await agent.send(chunk(attemptId, offset, 250_000));
    await agent.send(chunk(attemptId, 1_000_000, 1));
    expect((await agent.over)?.code).toBe('resource_exhausted');
    const arrived = world.ports.chunks.filter((each) => each.attemptId === attemptId);
    expect(arrived).toHaveLength(4);
  });

  it('P27: acknowledged bytes give the window back', async () => {
    const agent = await welcomed();
    const attemptId = newAttempt();
    for (let offset = 0; offset < 3_000_000; offset += 250_000) {
      await agent.send(chunk(attemptId, offset, 250_000));
      await eventually(() =>
        world.ports.chunks.some((each) => each.attemptId === attemptId && each.offsetBytes === offset),
      );
      sessionOf(agent).ackLog({ attemptId, run: 1, stream: 'stdout', nextOffsetBytes: offset + 250_000 });
    }
    expect(agent.ended).toBe(false);
  });

  it('P28: of acknowledgements in quick succession the newest of each stream is sent', async () => {
    const agent = await welcomed();
    const position = { attemptId: newAttempt(), run: 1, stream: 'stdout' } as const;
    for (const nextOffsetBytes of [10, 20, 30]) sessionOf(agent).ackLog({ ...position, nextOffsetBytes });
    sessionOf(agent).ackLog({ ...position, stream: 'stderr', nextOffsetBytes: 5 });
    await agent.next('logAck', 2);
    expect(agent.all('logAck').map((ack) => ack.nextOffsetBytes)).toEqual([30n, 5n]);
  });
});

describe('output that is kept', () => {
  let dir: TempDir;
  let intake: LogIntake;
  let store: FileLogStore;
  const owners = new Map<string, NodeId>();
  const settled = new Map<string, readonly StreamTally[]>();

  beforeAll(async () => {
    dir = await tempDir();
    store = new FileLogStore(nodeDisk, dir.path);
    intake = new LogIntake({
      store,
      owners: { ownerOf: (id) => owners.get(id) },
      onSettled: (id, tallies) => settled.set(id, tallies),
      clock: systemClock,
      logger: captureLogs().logger,
    });
    world = await sessionWorld({ logPort: intake });
  });
  afterEach(cutAll);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await intake.close();
    await store.close();
    await dir[Symbol.asyncDispose]();
  });

  async function withAttempt() {
    const agent = await welcomed();
    const attemptId = newAttempt();
    owners.set(attemptId, sessionOf(agent).nodeId);
    const nextAck = async (nth: number) => Number((await agent.next('logAck', nth)).nextOffsetBytes);
    return { agent, attemptId, nextAck };
  }

  it('P28: log_ack says what is durable', async () => {
    const { agent, attemptId, nextAck } = await withAttempt();
    await agent.send(chunk(attemptId, 0, 70_000));
    expect(await nextAck(1)).toBe(70_000);
    await using again = new FileLogStore(nodeDisk, dir.path);
    expect((await again.recover({ attemptId, run: 1 })).stdout.storedBytes).toBe(70_000);
  });

  it('P29: a chunk beyond what is stored is answered with where to go on, and the stream goes on from there', async () => {
    const { agent, attemptId, nextAck } = await withAttempt();
    await agent.send(chunk(attemptId, 0, 10));
    expect(await nextAck(1)).toBe(10);
    await agent.send(chunk(attemptId, 500, 10));
    expect(await nextAck(2)).toBe(10);
    await agent.send(chunk(attemptId, 5, 20));
    expect(await nextAck(3)).toBe(25);
  });

  it('P30, P31: gaps count as settled, and the log is complete once both are as long as the status says', async () => {
    const { agent, attemptId, nextAck } = await withAttempt();
    intake.lengthsKnown(attemptId, [{ run: 1, stream: 'stdout', lengthBytes: 100 }]);
    await agent.send(chunk(attemptId, 0, 10));
    expect(await nextAck(1)).toBe(10);
    await agent.send(gap(attemptId, 10, 80));
    expect(await nextAck(2)).toBe(90);
    expect(settled.get(attemptId)).toBeUndefined();
    await agent.send(chunk(attemptId, 90, 10));
    await eventually(() => settled.has(attemptId));
    expect(settled.get(attemptId)).toEqual([
      { run: 1, stream: 'stdout', storedBytes: 20, missingBytes: 80, producedBytes: 100 },
    ]);
  });

  it('P24: output of another node is refused with PERMISSION_DENIED, and its owner goes on', async () => {
    const { agent, attemptId, nextAck } = await withAttempt();
    await agent.send(chunk(attemptId, 0, 10));
    await nextAck(1);
    const thief = await welcomed();
    await thief.send(chunk(attemptId, 10, 10));
    expect((await thief.over)?.code).toBe('permission_denied');
    await agent.send(chunk(attemptId, 10, 10));
    expect(await nextAck(2)).toBe(20);
  });
});

async function cutAll(): Promise<void> {
  for (const agent of open.splice(0)) await agent[Symbol.asyncDispose]();
}
