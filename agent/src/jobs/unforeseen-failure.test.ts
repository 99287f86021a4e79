// An attempt that meets a failure which nobody foresaw still comes to an end that the orchestrator hears of.
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Disk } from '@muster/common/disk/disk';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { AppError } from '@muster/common/errors/app-error';
import { AttemptState, NotRunReason } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { establish, processAssignment, type TestWorld, testWorld } from '../agent.fixture.ts';

describe('an attempt that meets a failure', () => {
  let broken: boolean;
  let world: TestWorld;
  beforeEach(async () => {
    world = await testWorld();
    broken = true;
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  /** A disk that cannot say how long output is, as long as `broken`. */
  const brokenDisk: Disk = {
    ...nodeDisk,
    stat: (path) => {
      if (broken && path.endsWith('.out')) return Promise.reject(new AppError('internal', 'input/output error'));
      return nodeDisk.stat(path);
    },
  };
  const isGoingOn = (line: object): boolean => JSON.stringify(line).includes('met a failure; going on');

  it('ends as not run, with the reason, where no process can have its spec', async () => {
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

  it('is reported once the disk says again how it ended', async () => {
    const agent = await world.start({ disk: brokenDisk });
    const session = await world.door.accept();
    await establish(session, [processAssignment(['sh', '-c', 'exit 3'])]);
    await eventually(() => agent.logs.lines.some(isGoingOn));
    broken = false;
    const status = await session.next('attemptStatus', (each) => each.state === AttemptState.ENDED);
    expect(status.outcome?.outcome.value).toMatchObject({ how: { case: 'exited', value: { code: 3 } } });
  });

  it('is reported so too when an earlier agent started it', async () => {
    const first = await world.start();
    const assignment = processAssignment(['sh', '-c', 'sleep 0.3; exit 4']);
    const before = await world.door.accept();
    await establish(before, [assignment]);
    await before.next('attemptStatus', (each) => each.state === AttemptState.RUNNING);
    await first.stop();
    const record = world.dir.join('runs', `${assignment.attemptId}-1`);
    await eventually(async () => /^exit /m.test(await readFile(record, 'utf8')));
    const second = await world.start({ disk: brokenDisk });
    const session = await world.door.accept();
    await establish(session);
    await eventually(() => second.logs.lines.some(isGoingOn));
    broken = false;
    const status = await session.next('attemptStatus', (each) => each.state === AttemptState.ENDED);
    expect(status.outcome?.outcome.value).toMatchObject({ how: { case: 'exited', value: { code: 4 } } });
  });
});
