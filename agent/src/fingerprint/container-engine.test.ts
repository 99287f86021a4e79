import { mkdir } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { dirname } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@muster/testing/manual-clock';
import { requireTool } from '@muster/testing/requirement';
import { runProbes } from './collect.ts';
import { containerEngineProbe } from './container-engine.ts';
import { never, testMachine } from './probe-context.fixture.ts';

const SOCKET = '/var/run/docker.sock';

const answers: Readonly<Record<string, unknown>> = {
  '/version': { Version: '28.2.2', ApiVersion: '1.50', Components: [{ Name: 'Engine' }] },
  '/info': { CgroupVersion: '2' },
};

async function listen(path: string, listener: RequestListener): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true });
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const answering =
  (of: Readonly<Record<string, unknown>>): RequestListener =>
  (request, response) => {
    const body = of[request.url ?? ''];
    response.writeHead(body === undefined ? 500 : 200).end(JSON.stringify(body ?? {}));
  };

describe('the container engine probe', () => {
  it('reads versions from the engine’s socket', async () => {
    await using machine = await testMachine();
    await using _engine = await listen(machine.dir.join(SOCKET), answering(answers));
    const { part } = await containerEngineProbe.run(machine.context, never);
    expect(part.containerEngine).toMatchObject({
      name: 'docker',
      version: '28.2.2',
      apiVersion: '1.50',
      cgroupVersion: 2,
    });
  });

  it('asks the socket that DOCKER_HOST names, and knows Podman', async () => {
    await using home = await testMachine();
    const path = home.dir.join('podman.sock');
    const version = { Version: '5.0.0', ApiVersion: '1.41', Components: [{ Name: 'Podman Engine' }] };
    await using _engine = await listen(path, answering({ '/version': version }));
    const context = { ...home.context, environment: { DOCKER_HOST: `unix://${path}` } };
    expect((await containerEngineProbe.run(context, never)).part.containerEngine).toMatchObject({
      name: 'podman',
      cgroupVersion: 0,
    });
  });

  it('finds nothing, and does not fail, where there is no socket', async () => {
    await using machine = await testMachine();
    await expect(containerEngineProbe.run(machine.context, never)).resolves.toEqual({ part: {} });
  });

  it('says that nobody listens where the engine is installed and stopped', async () => {
    await using machine = await testMachine({ files: { [SOCKET]: '' } });
    await expect(containerEngineProbe.run(machine.context, never)).rejects.toThrow('start the container engine');
  });

  it('refuses an engine on another machine without showing its address', async () => {
    await using machine = await testMachine({ environment: { DOCKER_HOST: 'tcp://user:secret@far:2375' } });
    const failure: unknown = await containerEngineProbe.run(machine.context, never).catch((error: unknown) => error);
    expect(String(failure)).toContain('not a unix:// address');
    expect(String(failure)).not.toContain('secret');
  });

  it('fails on an answer that is no success, and on one that is no JSON', async () => {
    await using machine = await testMachine();
    await using engine = await listen(machine.dir.join(SOCKET), answering({}));
    await expect(containerEngineProbe.run(machine.context, never)).rejects.toThrow('/version with status 500');
    await engine[Symbol.asyncDispose]();
    await using _other = await listen(machine.dir.join(SOCKET), (_, response) => void response.end('<html>'));
    await expect(containerEngineProbe.run(machine.context, never)).rejects.toThrow('JSON');
  });

  it('is given up after a second when the engine hangs', async () => {
    const clock = new ManualClock();
    await using machine = await testMachine({ clock });
    const asked = Promise.withResolvers<void>();
    await using _engine = await listen(machine.dir.join(SOCKET), () => asked.resolve());
    const running = runProbes([containerEngineProbe], machine.context, never);
    await asked.promise;
    await clock.advance(1_000);
    expect((await running).get('container_engine')).toEqual({ kind: 'failed', reason: 'no answer within 1000 ms' });
    expect(clock.waiting).toBe(0);
  });
});

const docker = requireTool('docker');
docker.describe('the container engine probe beside a real Docker', () => {
  it('reads its versions', async () => {
    await using machine = await testMachine();
    const { part } = await containerEngineProbe.run({ ...machine.context, root: '/' }, never);
    expect(part.containerEngine?.apiVersion).toMatch(/^1\.\d+$/);
    expect([1, 2]).toContain(part.containerEngine?.cgroupVersion);
  });
});
