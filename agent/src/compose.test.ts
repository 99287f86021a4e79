import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { AttemptState } from '@muster/gen/muster/job/v1/status_pb';
import { agentParts, establish, processAssignment, testWorld } from './agent.fixture.ts';
import { composeAgent } from './compose.ts';

/** Timers that keep this process alive. */
const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

it('an agent that fails for good leaves nothing behind that keeps its process alive, though jobs run', async () => {
  await using world = await testWorld();
  const before = await world.start();
  const session = await world.door.accept();
  await establish(session, [processAssignment(['sleep', '5'])]);
  await session.next('attemptStatus', (each) => each.state === AttemptState.RUNNING);
  await before.stop();
  const record: object = JSON.parse(await readFile(world.dir.join('node.json'), 'utf8'));
  await writeFile(world.dir.join('node.json'), JSON.stringify({ ...record, certificate_pem: 'spoilt' }));

  const { config, world: machine, logs } = agentParts(world.dir.path);
  const timersBefore = timers();
  const ending = new AbortController();
  await using stack = new AsyncDisposableStack();
  const agent = await composeAgent(config, machine, stack, ending.signal);
  await expect(agent.run(ending.signal)).rejects.toThrow('loops failed');
  await stack.disposeAsync();
  expect(logs.lines.some((line) => line['loop'] === 'certificate_expiry')).toBe(true);
  expect(timers()).toBe(timersBefore);
});
