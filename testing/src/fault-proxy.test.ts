import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.ts';
import { type FaultProxy, faultProxy } from './fault-proxy.ts';
import { type LeakCheck, startLeakCheck } from './leak-check.ts';

/** An echo server behind the proxy, and a client that collects what comes back. */
interface Setup extends AsyncDisposable {
  readonly proxy: FaultProxy;
  dial(): { socket: Socket; received: () => string; error: () => string | undefined };
}

async function setUp(): Promise<Setup> {
  const echoes = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    echoes.add(socket);
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const proxy = await faultProxy({ port });
  const clients = new Set<Socket>();
  return {
    proxy,
    dial() {
      const socket = connect({ host: proxy.host, port: proxy.port });
      clients.add(socket);
      let received = '';
      let failure: string | undefined;
      socket.on('data', (data: Buffer) => {
        received += data.toString();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        failure = error.code ?? error.message;
      });
      return { socket, received: () => received, error: () => failure };
    },
    async [Symbol.asyncDispose]() {
      for (const socket of [...clients, ...echoes]) socket.destroy();
      await proxy[Symbol.asyncDispose]();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

let leaks: LeakCheck;
beforeEach(async () => {
  leaks = await startLeakCheck();
});
afterEach(async () => {
  await leaks.expectNoLeaks();
});

describe('the fault proxy', () => {
  it('passes bytes both ways, and a half-close', async () => {
    await using setup = await setUp();
    const { socket, received } = setup.dial();
    socket.end('hello');
    await eventually(() => received() === 'hello' && socket.readableEnded);
    expect(setup.proxy.accepted).toBe(1);
  });

  it('delays in order', async () => {
    await using setup = await setUp();
    const { socket, received } = setup.dial();
    setup.proxy.setLatency(30);
    const before = performance.now();
    for (const part of ['a', 'b', 'c']) socket.write(part);
    await eventually(() => received() === 'abc');
    expect(performance.now() - before).toBeGreaterThanOrEqual(55);
  });

  it('resets all connections on cut, and takes new ones', async () => {
    await using setup = await setUp();
    const first = setup.dial();
    first.socket.write('x');
    await eventually(() => first.received() === 'x');
    setup.proxy.cut();
    await eventually(() => first.error() === 'ECONNRESET');
    const second = setup.dial();
    second.socket.write('y');
    await eventually(() => second.received() === 'y');
  });

  it('refuses new connections when told to', async () => {
    await using setup = await setUp();
    setup.proxy.refuse(true);
    const { error, socket } = setup.dial();
    await eventually(() => error() !== undefined || socket.closed);
    expect(setup.proxy.accepted).toBe(0);
  });

  it('holds bytes back while stalled, and delivers them after', async () => {
    await using setup = await setUp();
    const { socket, received } = setup.dial();
    socket.write('1');
    await eventually(() => received() === '1');
    setup.proxy.stall('up');
    socket.write('2');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(received()).toBe('1');
    setup.proxy.resume();
    await eventually(() => received() === '12');
  });

  it('drops bytes of one direction in a black hole and tells nobody', async () => {
    await using setup = await setUp();
    const { socket, received, error } = setup.dial();
    socket.write('1');
    await eventually(() => received() === '1');
    setup.proxy.blackhole('down');
    socket.write('2');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(received()).toBe('1');
    expect(error()).toBeUndefined();
    expect(setup.proxy.connections).toBe(1);
  });

  it('resets a connection after so many bytes', async () => {
    await using setup = await setUp();
    setup.proxy.resetAfterBytes('up', 5);
    const { socket, error } = setup.dial();
    socket.write('1234');
    socket.write('5678');
    await eventually(() => error() === 'ECONNRESET');
  });
});

describe('the leak check', () => {
  it('names what was left open', async () => {
    const check = await startLeakCheck();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await expect(check.expectNoLeaks()).rejects.toThrow('TCPServerWrap');
    await new Promise((resolve) => server.close(resolve));
    await check.expectNoLeaks();
  });
});
