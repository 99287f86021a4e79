// The agent's side of the protocol's rules (agent_service.proto) about output, over real mutual TLS. Each title names its rule.
import { rename, truncate } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/common/errors/app-error';
import { GapReason } from '@muster/gen/muster/agent/v1/log_pb';
import { AttemptState, StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import {
  acknowledgeOutput,
  establish,
  outputOf,
  processAssignment,
  type TestWorld,
  testWorld,
} from '../agent.fixture.ts';
import { finished, opened, run } from './protocol.fixture.ts';

let world: TestWorld;
beforeEach(async () => {
  world = await testWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

describe('the agent keeps the protocol: output', () => {
  it('P27: chunks are at most 256 KiB, and unacknowledged bytes stay within the windows', async () => {
    await world.start();
    const session = await world.door.accept();
    await session.welcome({ log: { streamWindowBytes: 1024n * 1024n } });
    session.answerHeartbeats();
    await session.complete();
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
    const session = await opened(world);
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
    const session = await opened(world);
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
      const session = await opened(world);
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
});
