import { describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing/eventually';
import { ManualClock } from '@muster/testing/manual-clock';
import { makeCloudProbe } from './cloud.ts';
import { type MetadataServer, metadataServer, notFound } from './metadata-server.fixture.ts';
import { never, testMachine } from './probe-context.fixture.ts';

const everywhere = ({ base }: MetadataServer) => ({ aws: base, gcp: base, azure: base });

describe('the cloud probe', () => {
  it('names the cloud that answers', async () => {
    await using other = await metadataServer(notFound);
    await using azure = await metadataServer((_, response) => void response.end('{"vmId":"v-1"}'));
    await using machine = await testMachine();
    const probe = makeCloudProbe({ ...everywhere(other), azure: azure.base });
    const { part, againInMs } = await probe.run(machine.context, never);
    expect(part.cloud).toMatchObject({ provider: 'azure', instanceId: 'v-1' });
    expect(againInMs).toBeUndefined();
  });

  it('does not ask again after a plain no', async () => {
    await using server = await metadataServer(notFound);
    await using machine = await testMachine();
    await expect(makeCloudProbe(everywhere(server)).run(machine.context, never)).resolves.toEqual({ part: {} });
  });

  it('takes a refused connection for a no', async () => {
    const server = await metadataServer(notFound);
    await server[Symbol.asyncDispose]();
    await using machine = await testMachine();
    await expect(makeCloudProbe(everywhere(server)).run(machine.context, never)).resolves.toEqual({ part: {} });
  });

  it('gives up after a second where nobody answers, is asked again, and not for ever', async () => {
    const clock = new ManualClock();
    await using machine = await testMachine({ clock });
    await using server = await metadataServer(() => {});
    const probe = makeCloudProbe(everywhere(server));
    const again: (number | undefined)[] = [];
    for (let run = 1; run <= 11; run += 1) {
      const running = probe.run(machine.context, never);
      // AWS 1, Google 3, Azure 1.
      await eventually(() => server.asked.length === run * 5);
      await clock.advance(1_000);
      again.push((await running).againInMs);
    }
    expect(again).toEqual([...Array.from({ length: 10 }, () => 30_000), undefined]);
    expect(clock.waiting).toBe(0);
  });

  it('is not retried where one of the clouds answered and the others hang', async () => {
    const clock = new ManualClock();
    await using machine = await testMachine({ clock });
    await using hung = await metadataServer(() => {});
    await using other = await metadataServer(notFound);
    const running = makeCloudProbe({ ...everywhere(hung), aws: other.base }).run(machine.context, never);
    await eventually(() => hung.asked.length === 4 && other.asked.length === 1);
    await clock.advance(1_000);
    await expect(running).resolves.toEqual({ part: {} });
  });

  it('rejects with the reason when it is aborted', async () => {
    await using machine = await testMachine();
    await using server = await metadataServer(() => {});
    const controller = new AbortController();
    const running = makeCloudProbe(everywhere(server)).run(machine.context, controller.signal);
    await eventually(() => server.asked.length === 5);
    controller.abort(new Error('stopping'));
    await expect(running).rejects.toThrow('stopping');
  });
});
