// What becomes of attempts when the agent or the machine starts anew, on real processes and files.
import { cp, readdir, readFile } from 'node:fs/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Disk } from '@muster/common/disk/disk';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { AppError } from '@muster/common/errors/app-error';
import { asAttemptId } from '@muster/common/ids/ids';
import { AssignmentSchema } from '@muster/gen/muster/agent/v1/assignment_pb';
import { AttemptState, LostReason, NotRunReason, StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import type { FakeSession } from '@muster/testing/fake-orchestrator';
import { establish, freshId, outputOf, processAssignment, type TestWorld, testWorld } from '../agent.fixture.ts';
import { Ledger } from '../assignments/ledger.ts';
import { bootId } from '../identity/machine-id.ts';

const terminal = (attemptId: string) => (each: { attemptId: string; state: AttemptState }) =>
  each.attemptId === attemptId && each.state >= AttemptState.NOT_RUN;

/** The machine as after a boot with this id. */
const bootedAs = (id: string): Disk => ({
  ...nodeDisk,
  readFile: (path) => (path.endsWith('/boot_id') ? Promise.resolve(Buffer.from(id)) : nodeDisk.readFile(path)),
});

describe('after a restart', () => {
  let world: TestWorld;
  beforeEach(async () => {
    world = await testWorld();
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  async function restarted(disk?: Disk): Promise<FakeSession> {
    await world.start(disk === undefined ? {} : { disk });
    const session = await world.door.accept();
    await establish(session);
    return session;
  }

  /** Writes a ledger as an agent leaves it that died right after the start was recorded. */
  async function recordedOnly(boot: string): Promise<string> {
    const attemptId = asAttemptId(freshId());
    const ids = { next: freshId };
    await using ledger = await Ledger.open({
      disk: nodeDisk,
      path: world.dir.join('ledger'),
      ids,
      logger: captureLogs().logger,
    });
    const assignment = create(AssignmentSchema, processAssignment(['true'], {}, attemptId));
    await ledger.recordStarted(attemptId, boot, toBinary(AssignmentSchema, assignment));
    return attemptId;
  }

  it('an attempt that was recorded and never claimed ends as never_started', async () => {
    const attemptId = await recordedOnly(await bootId(nodeDisk));
    const session = await restarted();
    const status = await session.next('attemptStatus', terminal(attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({ reason: NotRunReason.NEVER_STARTED });
  });

  it('an attempt of another boot that left no trace is lost, not started', async () => {
    const attemptId = await recordedOnly('00000000-0000-0000-0000-000000000000');
    const session = await restarted();
    const status = await session.next('attemptStatus', terminal(attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({
      how: { case: 'lost', value: { reason: LostReason.NODE_REBOOTED } },
      stoppedBy: StoppedBy.NODE_REBOOTED,
    });
  });

  it('a run that was alive before the machine started anew is lost, and its output still arrives', async () => {
    const agent = await world.start();
    const first = await world.door.accept();
    const assignment = processAssignment(['sh', '-c', 'echo before; sleep 3']);
    await establish(first, [assignment]);
    await first.next('attemptStatus', (each) => each.state === AttemptState.RUNNING);
    await agent.stop();
    const session = await restarted(bootedAs('11111111-1111-1111-1111-111111111111'));
    const status = await session.next('attemptStatus', terminal(assignment.attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({
      how: { case: 'lost', value: { reason: LostReason.NODE_REBOOTED } },
    });
    await eventually(() => outputOf(session, assignment.attemptId).toString() === 'before\n');
  });

  it('a run that ended meanwhile is reported with its exit code and every byte', async () => {
    const agent = await world.start();
    const first = await world.door.accept();
    const assignment = processAssignment(['sh', '-c', 'echo one; sleep 0.3; echo two; exit 9']);
    await establish(first, [assignment]);
    await first.next('attemptStatus', (each) => each.state === AttemptState.RUNNING);
    await agent.stop();
    // Its keeper wrote down the end: nobody else was there.
    const record = world.dir.join('runs', `${assignment.attemptId}-1`);
    await eventually(async () => /^exit /m.test(await readFile(record, 'utf8')));
    const session = await restarted();
    const status = await session.next('attemptStatus', terminal(assignment.attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({ how: { case: 'exited', value: { code: 9 } } });
    await eventually(() => outputOf(session, assignment.attemptId).toString() === 'one\ntwo\n');
  });

  it('a result that was not acknowledged is repeated from the ledger', async () => {
    const agent = await world.start();
    const first = await world.door.accept();
    const assignment = processAssignment(['sh', '-c', 'exit 5']);
    await establish(first, [assignment]);
    await first.next('attemptStatus', terminal(assignment.attemptId));
    await agent.stop();
    const session = await restarted();
    const status = await session.next('attemptStatus', terminal(assignment.attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({ how: { case: 'exited', value: { code: 5 } } });
  });

  it('a second agent on the same state directory is refused; a copy of the directory says hello with the same ledger', async () => {
    const agent = await world.start();
    const first = (await (await world.door.accept()).hello()).ledgerId;
    await expect(world.start()).rejects.toThrow(AppError);
    await agent.stop();
    const copy = world.dir.join('copy');
    for (const name of await readdir(world.dir.path)) {
      if (/^(?:node-key\.pem|node\.json|ledger)$/.test(name)) await cp(world.dir.join(name), `${copy}/${name}`);
    }
    await world.start({ stateDir: copy });
    const second = await (await world.door.accept()).hello();
    expect(second.ledgerId).toBe(first);
  });

  it('a stop that was asked before the restart is carried out after it', async () => {
    const agent = await world.start();
    const first = await world.door.accept();
    const assignment = processAssignment(['sleep', '30']);
    await establish(first, [assignment]);
    await first.next('attemptStatus', (each) => each.state === AttemptState.RUNNING);
    await agent.stop();
    await world.start();
    const session = await world.door.accept();
    const { attemptId } = assignment;
    await establish(session, [{ ...assignment, stop: { attemptId, stoppedBy: StoppedBy.CANCEL } }]);
    const status = await session.next('attemptStatus', terminal(attemptId));
    expect(status.outcome?.outcome.value).toMatchObject({ stoppedBy: StoppedBy.CANCEL, signalsSent: ['SIGTERM'] });
  });
});
