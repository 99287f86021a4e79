import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing/eventually';
import { type LeakCheck, startLeakCheck } from '@muster/testing/leak-check';
import { testCa } from '@muster/testing/test-pki';
import { AppError } from '../errors/app-error.ts';
import { type Door, openDoor, up } from './agent-door.fixture.ts';
import { RECEIVE_WINDOW_BYTES } from './channel-options.ts';

/** How a TLS connection to the door went: the version, or why it was refused. Under 1.3 a refusal comes after connect. */
function tlsOutcome(door: Door, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: door.port,
      servername: 'localhost',
      ALPNProtocols: ['h2'],
      ...options,
    });
    socket.once('error', (error) => resolve(`refused: ${error.message}`));
    socket.once('close', () => resolve('refused: closed'));
    socket.once('secureConnect', () => socket.resume());
    // The server's first bytes (its settings) prove that it took us.
    socket.once('data', () => {
      resolve(socket.getProtocol() ?? 'none');
      socket.destroy();
    });
  });
}

async function statusOf(door: Door, identity: Parameters<Door['dial']>[0], host?: string): Promise<string> {
  const { channel } = door.dial(identity, undefined, undefined, host);
  void channel.send(up(1)).catch(() => undefined);
  try {
    for await (const _frame of channel.frames) return 'answered';
    return 'ended';
  } catch {
    return (await channel.closed)?.code ?? 'none';
  }
}

let leaks: LeakCheck;
beforeEach(async () => {
  leaks = await startLeakCheck();
});
afterEach(async () => {
  await leaks.expectNoLeaks();
});

describe('the agent door', () => {
  it('takes TLS 1.3 with a certificate of its authority', async () => {
    await using door = await openDoor((channel) => channel.close());
    const { caPem, certPem, keyPem } = door.node;
    expect(await tlsOutcome(door, { ca: caPem, cert: certPem, key: keyPem })).toBe('TLSv1.3');
    expect(await statusOf(door, door.node)).toBe('ended');
  });

  it('refuses TLS 1.2, also after its certificates were replaced', async () => {
    await using door = await openDoor((channel) => channel.close());
    const { caPem, certPem, keyPem } = door.node;
    const old: ConnectionOptions = { ca: caPem, cert: certPem, key: keyPem, maxVersion: 'TLSv1.2' };
    expect(await tlsOutcome(door, old)).toMatch(/^refused: .*protocol version/);
    door.credentials.replace(await door.ca.server());
    expect(await tlsOutcome(door, old)).toMatch(/^refused: .*protocol version/);
    expect(await statusOf(door, door.node)).toBe('ended');
  });

  it('refuses a client without a certificate, one of another authority, and an expired one', async () => {
    await using door = await openDoor((channel) => channel.close());
    const stranger = await (await testCa()).node('01arz3ndektsv4rrffq69g5fav');
    expect(await tlsOutcome(door, { ca: door.ca.caPem })).toMatch(/^refused/);
    expect(await statusOf(door, { ...stranger, caPem: door.ca.caPem })).toBe('unavailable');
    expect(await statusOf(door, await door.ca.node('01arz3ndektsv4rrffq69g5fav', { expired: true }))).toBe(
      'unavailable',
    );
  });

  it('is refused by an agent that trusts another authority, or that is given another name', async () => {
    await using door = await openDoor((channel) => channel.close());
    const stranger = await testCa();
    expect(await statusOf(door, { ...door.node, caPem: stranger.caPem })).toBe('unavailable');
    // The test's certificate is for localhost and 127.0.0.1; all of 127.0.0.0/8 leads there.
    expect(await statusOf(door, door.node, 'localhost')).toBe('ended');
    expect(await statusOf(door, door.node, '127.0.0.2')).toBe('unavailable');
  });

  it('is reached by IP address without a warning of Node', async () => {
    const warnings: string[] = [];
    const listener = (warning: Error): number => warnings.push(warning.message);
    process.on('warning', listener);
    try {
      await using door = await openDoor((channel) => channel.close());
      expect(await statusOf(door, door.node)).toBe('ended');
    } finally {
      process.off('warning', listener);
    }
    expect(warnings).toEqual([]);
  });

  it('takes a new authority once replaced, and the old one no more', async () => {
    await using door = await openDoor((channel) => channel.close());
    const next = await testCa('next');
    door.credentials.replace(await next.server());
    expect(await statusOf(door, await next.node('01arz3ndektsv4rrffq69g5fav'))).toBe('ended');
    expect(await statusOf(door, { ...door.node, caPem: next.caPem })).toBe('unavailable');
  });

  it('really gives streams and connections the receive window, and bounds the streams', async () => {
    await using door = await openDoor((channel) => channel.close());
    const { caPem, certPem, keyPem } = door.node;
    const session: ClientHttp2Session = connectHttp2(`https://localhost:${door.port}`, {
      ca: caPem,
      cert: certPem,
      key: keyPem,
    });
    try {
      await eventually(() => session.remoteSettings?.initialWindowSize === RECEIVE_WINDOW_BYTES, {
        what: 'stream window',
      });
      await eventually(() => session.state.remoteWindowSize === RECEIVE_WINDOW_BYTES, { what: 'connection window' });
      expect(session.remoteSettings.maxConcurrentStreams).toBe(100);
    } finally {
      session.destroy();
    }
  });

  it('sees the receive window of the agent too', async () => {
    const seen = Promise.withResolvers<unknown>();
    await using door = await openDoor((_channel, raw) => seen.resolve(reach(raw, 'call', 'stream', 'session')));
    const { channel } = door.dial();
    await channel.send(up(1));
    const session = await seen.promise;
    expect(reach(session, 'remoteSettings', 'initialWindowSize')).toBe(RECEIVE_WINDOW_BYTES);
    await eventually(() => reach(session, 'state', 'remoteWindowSize') === RECEIVE_WINDOW_BYTES);
    channel.abort(new AppError('cancelled', 'test over'));
  });
});

/** A value deep in grpc-js, for looking only. */
function reach(from: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    from,
  );
}
