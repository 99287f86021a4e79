import { createServer } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from '@jest/globals';
import { NodeService } from '@muster/gen/muster/control/v1/node_service_pb';
import { testCa } from '@muster/testing/test-pki';
import { openControlDoor } from './control-door.ts';
import { adviceOn, failureOf } from './failure.ts';
import { fakeControlDoor } from './fake-control-door.fixture.ts';

/** What a call to this address throws. */
async function failureAt(url: string, caPem: string | undefined): Promise<unknown> {
  using door = openControlDoor({ url, token: 'k', caPem });
  return await door
    .client(NodeService)
    .listNodes({})
    .then(
      () => 'it answered',
      (error: unknown) => error,
    );
}

/** Something that is not TLS. */
async function plainServer(): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

describe('the advice on a failed call', () => {
  it('for a key that is sent: the orchestrator sees it as a bearer token', async () => {
    let seen: string | null = null;
    await using fake = await fakeControlDoor({
      nodes: {
        listNodes: (_request, context) => {
          seen = context.requestHeader.get('authorization');
          return {};
        },
      },
    });
    expect(await failureAt(fake.url, fake.caPem)).toBe('it answered');
    expect(seen).toBe('Bearer k');
  });

  it('names the CA file when the authority is not trusted', async () => {
    await using fake = await fakeControlDoor({});
    for (const caPem of [undefined, (await testCa()).caPem]) {
      const error = await failureAt(fake.url, caPem);
      expect(failureOf(error).kind).toBe('tls');
      expect(adviceOn(error, fake.url)).toContain('--ca-file, MUSTER_CA_FILE or ca_file');
    }
  });

  it('says that a certificate has expired', async () => {
    await using fake = await fakeControlDoor({}, { expired: true });
    expect(adviceOn(await failureAt(fake.url, fake.caPem), fake.url)).toContain('has expired');
  });

  it('says that a certificate is for other names', () => {
    const cause = Object.assign(new Error('altname'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    const error = new ConnectError('x', Code.Internal, undefined, undefined, cause);
    expect(adviceOn(error, 'https://h:1')).toContain('for other names');
  });

  it('says that nothing listens', async () => {
    const server = await plainServer();
    await server[Symbol.asyncDispose]();
    const { url } = server;
    const error = await failureAt(url, undefined);
    expect(failureOf(error)).toEqual({ kind: 'unreachable', errno: 'ECONNREFUSED' });
    expect(adviceOn(error, url)).toContain(`nothing answers at ${url}: is the orchestrator running?`);
  });

  it('says that the other side does not speak TLS', async () => {
    await using server = await plainServer();
    expect(adviceOn(await failureAt(server.url, undefined), server.url)).toContain('does not speak our TLS');
  });

  it.each([
    [Code.Unauthenticated, 'no such key', 'the key was refused (no such key); check --token-file'],
    [Code.PermissionDenied, 'needs operator', 'needs operator; use a key with a higher role'],
    [Code.NotFound, 'no job x', 'no job x'],
    [Code.Internal, 'internal error, id 7', 'internal error, id 7'],
    [Code.Unavailable, 'stopping', 'was lost (stopping); try again'],
  ])('for status %s is the reason and what to do', async (code, message, expected) => {
    await using fake = await fakeControlDoor({
      nodes: {
        listNodes: () => {
          throw new ConnectError(message, code);
        },
      },
    });
    const error = await failureAt(fake.url, fake.caPem);
    expect(adviceOn(error, fake.url)).toContain(expected);
    expect(failureOf(error).kind).toBe(code === Code.Unavailable ? 'lost' : 'refused');
  });

  it('sees a connection that breaks during a call as lost', async () => {
    const { promise: called, resolve } = Promise.withResolvers<void>();
    await using fake = await fakeControlDoor({
      nodes: {
        listNodes: async () => {
          resolve();
          return await new Promise<never>(() => {});
        },
      },
    });
    const failing = failureAt(fake.url, fake.caPem);
    await called;
    fake.dropConnections();
    expect(failureOf(await failing).kind).toBe('lost');
  });
});
