import { connect as connectHttp2, constants } from 'node:http2';
import { type Agent, request as requestHttp1 } from 'node:https';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
} from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { makeIds } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { ServerReflection } from '@muster/gen/grpc/reflection/v1/reflection_pb';
import { AgentService } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import { expectNoLeaks } from '@muster/testing/leak-check';
import { keyRoles } from '../access/access-store.ts';
import { NO_KEY } from './auth-gate.ts';
import { accessClient, openTestDoor, type Protocol, type TestDoor } from './control-door.fixture.ts';
import { openControlDoor } from './control-door.ts';
import { leastRoles, methodName, suffices } from './method-roles.ts';
import { serve } from './served-service.ts';

const protocols: readonly Protocol[] = ['grpc', 'grpc-web', 'connect'];

/** Calls any method with an empty message; the code of its end, undefined when it went well or still streams. */
async function outcomeOf(door: TestDoor, method: DescMethod, key?: string): Promise<Code | undefined> {
  const transport = door.transport(key);
  const giveUp = new AbortController();
  try {
    if (isUnary(method)) {
      await transport.unary(method, giveUp.signal, undefined, undefined, create(method.input));
      return undefined;
    }
    if (!isStreaming(method)) throw new Error('a method is unary or it streams');
    const nothing = (async function* () {
      yield create(method.input);
    })();
    const response = await transport.stream(method, giveUp.signal, undefined, undefined, nothing);
    for await (const _message of response.message) return undefined;
    return undefined;
  } catch (error) {
    return ConnectError.from(error).code;
  } finally {
    giveUp.abort();
  }
}

function isUnary(method: DescMethod): method is DescMethodUnary<DescMessage, DescMessage> {
  return method.methodKind === 'unary';
}

function isStreaming(method: DescMethod): method is DescMethodStreaming<DescMessage, DescMessage> {
  return method.methodKind !== 'unary';
}

describe('who may call the control door', () => {
  let door: TestDoor;
  beforeAll(async () => {
    door = await openTestDoor();
  });
  afterAll(async () => {
    await door[Symbol.asyncDispose]();
  });

  it('is decided for every method, every role, and without a key, as the contract says', async () => {
    const services = door.services.map((each) => each.service);
    const roles = leastRoles(services);
    const wrong: string[] = [];
    for (const method of services.flatMap((service) => service.methods)) {
      const least = roles.get(methodName(method)) ?? 'admin';
      const anonymous = await outcomeOf(door, method);
      const mayAnonymous = least === 'anonymous';
      // Enroll without a token is refused by itself, with the same code: its own text tells them apart below.
      const letIn = anonymous !== Code.Unauthenticated || methodName(method).endsWith('/Enroll');
      if (letIn !== mayAnonymous) wrong.push(`${methodName(method)} without a key`);
      for (const role of keyRoles) {
        const outcome = await outcomeOf(door, method, await door.key(role));
        if ((outcome === Code.PermissionDenied) === suffices(role, least))
          wrong.push(`${methodName(method)} as ${role}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(roles.size).toBeGreaterThan(20);
  }, 30_000);

  it.each(protocols)('refuses missing, malformed, unknown and revoked keys with one text over %s', async (protocol) => {
    const spare = await door.keys.create('spare', 'viewer');
    await door.keys.revoke(spare.record.id);
    const unknown = (await openKeyOfAnotherDoor()).text;
    for (const key of [undefined, 'muster', `${spare.text}0`, spare.text, unknown]) {
      const client = createClient(JobService, door.transport(key, protocol));
      const error = await client.getJob({ jobId: 'x' }).catch(ConnectError.from);
      expect(error).toMatchObject({ code: Code.Unauthenticated, rawMessage: NO_KEY });
    }
    expect(door.logs.lines.map((line) => line['reason'])).toEqual(
      expect.arrayContaining(['missing', 'malformed', 'unknown', 'revoked']),
    );
    expect(door.logs.text()).not.toContain(spare.text);
  });

  it('says which role is missing', async () => {
    const error = await accessClient(door, await door.key('viewer'))
      .listApiKeys({})
      .catch(ConnectError.from);
    expect(error).toMatchObject({
      code: Code.PermissionDenied,
      rawMessage: 'role viewer may not call muster.control.v1.AccessService/ListApiKeys, it needs admin',
    });
  });

  it('ends an open stream when its key is revoked', async () => {
    const key = await door.keys.create('watcher', 'viewer');
    const client = createClient(ServerReflection, door.transport(key.text));
    const end = new AbortController();
    const requests = (async function* () {
      yield { messageRequest: { case: 'listServices' as const, value: '' } };
      await new Promise((resolve) => end.signal.addEventListener('abort', resolve));
    })();
    const answers = client.serverReflectionInfo(requests)[Symbol.asyncIterator]();
    expect((await answers.next()).done).toBe(false);
    const next = answers.next();
    await door.keys.revoke(key.record.id);
    await expect(next).rejects.toMatchObject({ code: Code.Unauthenticated, rawMessage: 'the API key was revoked' });
    end.abort();
  });

  it('does not open when a method has no least role in the contract', async () => {
    const services = [serve(AgentService, { connect: neverCalled })];
    const pair = { caPem: '', certPem: '', keyPem: '' };
    const { logger } = captureLogs();
    const deps = {
      keys: door.keys,
      services,
      tls: pair,
      clock: systemClock,
      ids: makeIds(systemClock, systemRandom),
      logger,
    };
    await expect(openControlDoor(deps, { host: '127.0.0.1', port: 0 })).rejects.toThrow(
      'these methods have no least_role in the contract: muster.agent.v1.AgentService/Connect',
    );
  });
});

describe('what strangers send to the control door', () => {
  let door: TestDoor;
  beforeAll(async () => {
    door = await openTestDoor();
  });
  afterAll(async () => {
    await door[Symbol.asyncDispose]();
  });

  function tls(alpn: string): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const port = door.door.port;
      const socket = connectTls({ host: '127.0.0.1', port, ca: door.authority.caPem, ALPNProtocols: [alpn] });
      socket.once('secureConnect', () => resolve(socket));
      socket.once('error', reject);
    });
  }

  async function answerTo(bytes: string | Buffer, alpn = 'http/1.1'): Promise<string> {
    const socket = await tls(alpn);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.end(bytes);
    await closed;
    return text;
  }

  async function stillServes(): Promise<void> {
    const error = await createClient(JobService, door.transport()).getJob({}).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.Unauthenticated });
  }

  it.each([
    [
      'a host that is none',
      'POST /muster.control.v1.JobService/GetJob HTTP/1.1\r\nHost: [[[\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    ],
    ['no host', 'POST /muster.control.v1.JobService/GetJob HTTP/1.0\r\nContent-Length: 0\r\n\r\n'],
    ['no HTTP at all', '\u0000\u0001\u0002 hello\r\n\r\n'],
    ['a header that never ends', `GET / HTTP/1.1\r\nx: ${'y'.repeat(100_000)}`],
  ])('survives %s', async (_what, bytes) => {
    expect(await answerTo(bytes)).toMatch(/^(?:HTTP\/1\.1 4\d\d|$)/);
    await stillServes();
  });

  it('survives bytes that are no HTTP/2', async () => {
    await answerTo(Buffer.alloc(4096, 0xff), 'h2');
    await stillServes();
  });

  it('survives HTTP/2 requests without a host and uploads that are cut off', async () => {
    const session = connectHttp2(door.url, { ca: door.authority.caPem });
    session.on('error', () => undefined);
    const path = '/muster.control.v1.JobService/GetJob';
    const grpc = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc' };
    for (const headers of [
      { ...grpc, ':authority': '[[[' },
      { ...grpc, ':authority': '' },
      { ...grpc, 'grpc-timeout': 'soon' },
      { ...grpc, 'grpc-encoding': 'gzip' },
    ]) {
      const stream = session.request(headers);
      stream.on('error', () => undefined);
      stream.write(Buffer.from([0, 0, 0, 0, 200, 1, 2]));
      await new Promise((resolve) => stream.once('response', resolve).once('close', resolve));
      const closed = new Promise((resolve) => stream.once('close', resolve));
      stream.close(constants.NGHTTP2_CANCEL);
      if (!stream.closed) await closed;
    }
    session.destroy();
    await stillServes();
  });

  it('refuses a message over 4 MiB with RESOURCE_EXHAUSTED', async () => {
    const client = createClient(JobService, door.transport(await door.key('operator')));
    const requestId = 'x'.repeat(5 * 1024 * 1024);
    const error = await client.submitJob({ requestId }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    // The connection goes on: what was sent of the message does not fill its window.
    for (let round = 0; round < 3; round += 1) {
      await expect(client.submitJob({ requestId })).rejects.toMatchObject({ code: Code.ResourceExhausted });
    }
    await expect(client.submitJob({})).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  it('names the field of JSON that is not what the contract says', async () => {
    const answer = await postJson('/muster.control.v1.JobService/GetJob', '{"job_id": 5}', await door.key('viewer'));
    expect(answer.status).toBe(400);
    expect(answer.body).toMatch(/invalid_argument.*job_id/);
  });

  it('answers Connect JSON of plain HTTP/1.1', async () => {
    const answer = await postJson('/grpc.health.v1.Health/Check', '{}');
    expect(answer).toEqual({ status: 200, body: '{"status":"NOT_SERVING"}' });
  });

  it('tells gRPC clients UNIMPLEMENTED and others 404 where nothing is', async () => {
    const answer = await postJson('/muster.control.v1.JobService/Guess', '{}');
    expect(answer.status).toBe(404);
    const unknown = { ...JobService.method.getJob, name: 'Guess' };
    expect(await outcomeOf(door, unknown)).toBe(Code.Unimplemented);
  });

  async function postJson(path: string, body: string, key?: string): Promise<{ status: number; body: string }> {
    const headers = {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    };
    const agent: Agent | false = false;
    return await new Promise((resolve, reject) => {
      const request = requestHttp1(
        door.url + path,
        { method: 'POST', ca: door.authority.caPem, headers, agent },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        },
      );
      request.once('error', reject);
      request.end(body);
    });
  }
});

describe('the control door', () => {
  it('shows an internal error as a number that the log explains', async () => {
    const failing = serveJobs(() => {
      throw new Error('row 7 is broken');
    });
    await using door = await openTestDoor({ services: [failing] });
    const client = createClient(JobService, door.transport(await door.key('viewer')));
    const error = ConnectError.from(await client.getJob({ jobId: 'secret-job' }).catch((thrown: unknown) => thrown));
    expect(error.code).toBe(Code.Internal);
    const [, incident] = /^internal error, id ([0-9a-z]{26})$/.exec(error.rawMessage) ?? [];
    const line = door.logs.lines.find((each) => each['incident'] === incident);
    expect(JSON.stringify(line)).toContain('row 7 is broken');
    expect(door.logs.text()).not.toContain('secret-job');
  });

  it('ends open streams with UNAVAILABLE when it closes, and leaves nothing behind', async () => {
    await expectNoLeaks(async () => {
      const door = await openTestDoor();
      const client = createClient(ServerReflection, door.transport(await door.key('viewer')));
      const end = new AbortController();
      const requests = (async function* () {
        yield { messageRequest: { case: 'listServices' as const, value: '' } };
        await new Promise((resolve) => end.signal.addEventListener('abort', resolve));
      })();
      const answers = client.serverReflectionInfo(requests)[Symbol.asyncIterator]();
      await answers.next();
      const next = answers.next();
      const closing = door[Symbol.asyncDispose]();
      await expect(next).rejects.toMatchObject({ code: Code.Unavailable });
      end.abort();
      await closing;
    });
  }, 15_000);

  it('logs each call with its method, end and caller, and nothing that was in it', async () => {
    await using door = await openTestDoor();
    const client = accessClient(door, await door.key('admin'));
    const made = await client.createJoinToken({ labels: { room: 'cellar-room' } });
    await eventually(() => door.logs.lines.some((line) => line['msg'] === 'call'), { what: 'the line' });
    expect(door.logs.lines.find((line) => line['msg'] === 'call')).toMatchObject({
      method: 'muster.control.v1.AccessService/CreateJoinToken',
      code: 'ok',
      caller: 'admin',
      address: '127.0.0.1',
    });
    expect(door.logs.text()).not.toContain('cellar-room');
    expect(door.logs.text()).not.toContain(made.token.slice(0, 40));
  });

  it('says what to do when its address is taken', async () => {
    await using door = await openTestDoor();
    const { keys, services } = door;
    const ids = makeIds(systemClock, systemRandom);
    const tls = { caPem: door.authority.caPem, ...(await door.authority.issueForServer(['localhost'], 1000)) };
    const deps = { keys, services, tls, clock: systemClock, ids, logger: door.logs.logger };
    await expect(openControlDoor(deps, { host: '127.0.0.1', port: door.door.port })).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('EADDRINUSE'),
    });
  });
});

function serveJobs(getJob: () => never): ReturnType<typeof serve> {
  return { service: JobService, register: (router) => void router.service(JobService, { getJob }) };
}

async function openKeyOfAnotherDoor(): Promise<{ text: string }> {
  await using other = await openTestDoor();
  return { text: await other.key('admin') };
}

function neverCalled(): AsyncGenerator<never> {
  throw new Error('not called');
}
