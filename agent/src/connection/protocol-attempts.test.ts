// The agent's side of the protocol's rules (agent_service.proto) about attempts, over real mutual TLS. Each title names its rule.
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Disk } from '@muster/common/disk/disk';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { AppError } from '@muster/common/errors/app-error';
import { GoodbyeReason, Verdict } from '@muster/gen/muster/agent/v1/session_pb';
import { AttemptState, NotRunReason, StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import {
  acknowledgeOutput,
  establish,
  freshId,
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

describe('the agent keeps the protocol: attempts', () => {
  it('P16: COMPLETE starts what it names and the node does not have, and ends nothing that it does not name', async () => {
    const assignment = processAssignment(['sleep', '30']);
    const session = await opened(world, [assignment]);
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
    const session = await opened(world);
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
    const session = await opened(world);
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
    const session = await opened(world);
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
    const session = await opened(world, [
      { ...assignment, stop: { attemptId: assignment.attemptId, stoppedBy: StoppedBy.CANCEL } },
    ]);
    const status = await session.next('attemptStatus', finished(assignment.attemptId));
    expect(status.state).toBe(AttemptState.NOT_RUN);
    expect(status.outcome?.outcome.value).toMatchObject({ reason: NotRunReason.NEVER_STARTED });
  });

  it('P23: a status is repeated in every session until it is acknowledged', async () => {
    const session = await opened(world);
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
    const session = await opened(world);
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

  it('hides what configures Muster from runs and marks them', async () => {
    const session = await opened(world);
    const attemptId = await run(session, processAssignment(['env'], { env: { A: 'b\nc' } }));
    await eventually(() => outputOf(session, attemptId).toString().includes(`MUSTER_ATTEMPT=${attemptId}`));
    expect(outputOf(session, attemptId).toString()).toContain('A=b\nc');
    expect(outputOf(session, attemptId).toString()).not.toContain('hidden');
  });

  it('ends a run at its timeout', async () => {
    const session = await opened(world);
    const timeouts = { run: durationFromMs(200) };
    const attemptId = await run(session, processAssignment(['sleep', '30'], { timeouts }));
    const status = await session.next('attemptStatus', finished(attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({ stoppedBy: StoppedBy.TIMEOUT, signalsSent: ['SIGTERM'] });
  });

  it('refuses attempts when the disk has no room', async () => {
    await world.start({ disk: { ...nodeDisk, freeBytes: async () => 1_000 } });
    const session = await world.door.accept();
    await establish(session);
    await session.change({ case: 'offer', value: { assignment: processAssignment(['true'], {}, freshId()) } });
    const { reply } = await session.next('assignmentReply');
    expect(reply.case === 'refused' ? reply.value.reason?.reason : undefined).toBe(NotRunReason.NO_DISK);
  });

  it.each<[string, string, string]>([
    ['the work directory', 'mkdir', 'work'],
    ['standard input', 'open', '.stdin'],
  ])('ends a start as no_disk when the disk fills up before it runs, with the errno: %s', async (_what, call, part) => {
    const full = () => Promise.reject(new AppError('resource_exhausted', 'no space left on device (ENOSPC)'));
    let filled = false;
    const harmed = (name: string, path: string) => filled && name === call && path.includes(part);
    const disk: Disk = {
      ...nodeDisk,
      open: (path, flags, mode) => (harmed('open', path) ? full() : nodeDisk.open(path, flags, mode)),
      mkdir: (path, options) => (harmed('mkdir', path) ? full() : nodeDisk.mkdir(path, options)),
    };
    await world.start({ disk });
    const session = await world.door.accept();
    await establish(session);
    filled = true;
    const mark = world.dir.join('ran');
    const attemptId = await run(session, processAssignment(['touch', mark], { stdin: Buffer.from('x') }));
    const status = await session.next('attemptStatus', finished(attemptId));
    expect(status.state).toBe(AttemptState.NOT_RUN);
    expect(status.outcome?.outcome.value).toMatchObject({ reason: NotRunReason.NO_DISK, errno: 'ENOSPC' });
    expect(await nodeDisk.stat(mark)).toBeUndefined();
    filled = false;
    const next = await run(session, processAssignment(['true']));
    expect((await session.next('attemptStatus', finished(next))).state).toBe(AttemptState.ENDED);
  });

  it('ends a start as no_disk when the ledger cannot take it, and nothing runs', async () => {
    let filled = false;
    const disk: Disk = {
      ...nodeDisk,
      open: async (path, flags, mode) => {
        const file = await nodeDisk.open(path, flags, mode);
        if (!path.includes('ledger')) return file;
        const write: typeof file.write = (data, position) =>
          filled
            ? Promise.reject(new AppError('resource_exhausted', 'no space left on device (ENOSPC)'))
            : file.write(data, position);
        return new Proxy(file, { get: (target, name) => (name === 'write' ? write : boundTo(target, name)) });
      },
    };
    await world.start({ disk });
    const session = await world.door.accept();
    await establish(session);
    filled = true;
    const mark = world.dir.join('ran');
    const attemptId = await run(session, processAssignment(['touch', mark]));
    const status = await session.next('attemptStatus', finished(attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({ reason: NotRunReason.NO_DISK, errno: 'ENOSPC' });
    expect(await nodeDisk.stat(mark)).toBeUndefined();
    filled = false;
    const next = await run(session, processAssignment(['true']));
    expect((await session.next('attemptStatus', finished(next))).state).toBe(AttemptState.ENDED);
  });
});

/** A method of a class with private fields, which only answer to their own object. */
function boundTo(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? value.bind(target) : value;
}
