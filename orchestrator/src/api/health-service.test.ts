import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { describe, expect, it } from '@jest/globals';
import { Health, HealthCheckResponse_ServingStatus as Status } from '@muster/gen/grpc/health/v1/health_pb';
import { openTestDoor } from './control-door.fixture.ts';

describe('health', () => {
  it('needs no key and follows the state of the whole', async () => {
    await using door = await openTestDoor();
    const client = createClient(Health, door.transport());
    expect((await client.check({})).status).toBe(Status.NOT_SERVING);
    door.health.set('serving');
    expect((await client.check({ service: 'muster.control.v1.JobService' })).status).toBe(Status.SERVING);
    expect(Object.keys((await client.list({})).statuses)).toContain('muster.control.v1.NodeService');
  });

  it('is NOT_FOUND for a service that is not served', async () => {
    await using door = await openTestDoor();
    const error = await createClient(Health, door.transport()).check({ service: 'x.Y' }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.NotFound });
  });

  it('tells a watcher each change until the door closes', async () => {
    const door = await openTestDoor();
    const watch = createClient(Health, door.transport()).watch({})[Symbol.asyncIterator]();
    expect((await watch.next()).value).toMatchObject({ status: Status.NOT_SERVING });
    door.health.set('serving');
    expect((await watch.next()).value).toMatchObject({ status: Status.SERVING });
    const closing = door[Symbol.asyncDispose]();
    await expect(watch.next()).rejects.toMatchObject({ code: Code.Unavailable });
    await closing;
  });

  it('keeps a watcher of an unknown service waiting, as its contract wants', async () => {
    await using door = await openTestDoor();
    const watch = createClient(Health, door.transport()).watch({ service: 'x.Y' })[Symbol.asyncIterator]();
    expect((await watch.next()).value).toMatchObject({ status: Status.SERVICE_UNKNOWN });
    await watch.return?.();
  });
});
