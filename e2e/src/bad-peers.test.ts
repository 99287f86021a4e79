// Who has no business at the doors, and frames that no honest agent sends: each ends with its status, and both the
// orchestrator and the honest agent beside it go on. Over real mutual TLS, on the real programs.
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { asJoinTokenId } from '@muster/common/ids/ids';
import { formatJoinToken, parseJoinToken } from '@muster/common/join-token/join-token';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import { AttemptState, OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { NodeState } from '@muster/gen/muster/node/v1/node_pb';
import { eventually } from '@muster/testing/eventually';
import { type AgentMessage, helloMessage, RawAgent } from '@muster/testing/raw-agent';
import { RealCluster } from '@muster/testing/real/cluster';
import { RunningProgram } from '@muster/testing/real/program';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { testCa } from '@muster/testing/test-pki';

const PATIENCE_MS = 60_000;
const NO_SUCH_ID = '01arz3ndektsv4rrffq69g5fav';
jest.setTimeout(PATIENCE_MS);

let directory: TempDir;
let cluster: RealCluster;
/** The certificate of a node that was enrolled as any other, and whose agent is now ours. */
let mallory: { readonly port: number; readonly identity: TlsIdentity };
let processBefore: number;
const open: RawAgent[] = [];

beforeAll(async () => {
  directory = await tempDir();
  cluster = await RealCluster.start({ directory: directory.path });
  await cluster.startAgent('alpha');
  await (await cluster.startAgent('mallory')).end('SIGTERM');
  const record = JSON.parse(readFileSync(`${cluster.stateDirectory('mallory')}/node.json`, 'utf8'));
  const keyPem = readFileSync(`${cluster.stateDirectory('mallory')}/node-key.pem`, 'utf8');
  const identity = { caPem: record.ca_bundle_pem, certPem: record.certificate_pem, keyPem };
  mallory = { port: Number(new URL(`tcp://${cluster.endpoints.agent_address}`).port), identity };
  processBefore = cluster.orchestrator.pid;
});

afterEach(async () => {
  for (const agent of open.splice(0)) await agent[Symbol.asyncDispose]();
  expect([cluster.orchestrator.running, cluster.orchestrator.pid]).toEqual([true, processBefore]);
  expect(cluster.agent('alpha').running).toBe(true);
  expect((await cluster.nodes.getNode({ node: 'alpha' })).node?.state).toBe(NodeState.ONLINE);
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
});

function dial(identity: TlsIdentity = mallory.identity): RawAgent {
  const agent = RawAgent.connect({ port: mallory.port, identity });
  open.push(agent);
  return agent;
}

async function welcomed(): Promise<RawAgent> {
  const agent = await RawAgent.welcomed(mallory);
  open.push(agent);
  return agent;
}

const heartbeat: AgentMessage = { case: 'heartbeat', value: {} };

function chunk(attemptId: string, offset: number, text: string): AgentMessage {
  const place = { attemptId, run: 1, stream: OutputStream.STDOUT, offsetBytes: BigInt(offset) };
  return { case: 'logChunk', value: { ...place, data: Buffer.from(text) } };
}

function status(attemptId: string, state: AttemptState): AgentMessage {
  return { case: 'attemptStatus', value: { attemptId, state, run: 1, pid: 7 } };
}

describe('at the agent door', () => {
  it.each<[string, () => Promise<TlsIdentity>]>([
    ['of another authority', async () => (await testCa()).node(NO_SUCH_ID)],
    ['of another authority of the same name', async () => (await testCa('muster')).node(NO_SUCH_ID)],
    ['of another authority for a node that exists', async () => (await testCa()).node(await idOf('alpha'))],
  ])('a client certificate %s is refused in the handshake', async (_whose, make) => {
    const stranger = await make();
    const agent = dial({ ...stranger, caPem: mallory.identity.caPem });
    agent.send(helloMessage()).catch(() => undefined);
    expect((await agent.over)?.code).toBe('unavailable');
    expect(agent.received).toEqual([]);
  });

  it('no client certificate is refused in the handshake', async () => {
    const outcome = await new Promise<string>((resolve) => {
      const at = { host: '127.0.0.1', port: mallory.port, servername: 'localhost', ALPNProtocols: ['h2'] };
      const socket = connectTls({ ...at, ca: mallory.identity.caPem });
      socket.on('error', (error) => resolve(error.message));
      socket.once('close', () => resolve('closed'));
      socket.once('data', () => resolve('served'));
      socket.resume();
    });
    expect(outcome).toMatch(/certificate required|closed|ECONNRESET/i);
  });

  it("the orchestrator's own certificate, which is no node's, is not let in", async () => {
    // One file holds certificate and key.
    const pem = readFileSync(`${cluster.dataDirectory}/pki/agent-door.pem`, 'utf8');
    const agent = dial({ caPem: mallory.identity.caPem, certPem: pem, keyPem: pem });
    agent.send(helloMessage()).catch(() => undefined);
    expect(['unavailable', 'unauthenticated']).toContain((await agent.over)?.code);
  });

  it('a first frame that is not hello, and a second hello, end the stream with FAILED_PRECONDITION', async () => {
    const rude = dial();
    await rude.send(heartbeat);
    expect(await rude.over).toMatchObject({ code: 'failed_precondition', message: expect.stringContaining('hello') });
    const twice = await welcomed();
    await twice.send(helloMessage());
    expect(await twice.over).toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('hello is said once'),
    });
  });

  it('a hello that is not as it must be ends the stream with INVALID_ARGUMENT and the field', async () => {
    const agent = dial();
    await agent.send(helloMessage({ ledgerId: '../../etc' }));
    expect(await agent.over).toMatchObject({ code: 'invalid_argument', field: 'hello.ledger_id' });
  });

  it('an unknown frame is answered with unsupported, and the session lives on', async () => {
    const agent = await welcomed();
    const sequence = await agent.send({ case: undefined });
    expect((await agent.next('unsupported')).sequence).toBe(sequence);
    await agent.send(heartbeat);
    await agent.next('heartbeatAck');
  });

  it('a frame over 4 MiB ends the stream with RESOURCE_EXHAUSTED', async () => {
    const agent = await welcomed();
    agent.send({ case: 'goodbye', value: { message: 'x'.repeat(4 * 1024 * 1024) } }).catch(() => undefined);
    expect((await agent.over)?.code).toBe('resource_exhausted');
  });

  it('a chunk over 256 KiB, an empty one, and one of no stream end the stream with INVALID_ARGUMENT and the field', async () => {
    const none = { attemptId: NO_SUCH_ID, run: 1, offsetBytes: 0n, data: Buffer.from('x') };
    for (const message of [
      chunk(NO_SUCH_ID, 0, 'x'.repeat(256 * 1024 + 1)),
      chunk(NO_SUCH_ID, 0, ''),
      chunk('../x', 0, 'x'),
      { case: 'logChunk', value: none } satisfies AgentMessage,
      { case: 'logChunk', value: { ...none, stream: 1, offsetBytes: 2n ** 64n - 1n } } satisfies AgentMessage,
    ]) {
      const agent = await welcomed();
      await agent.send(message);
      expect(await agent.over).toMatchObject({
        code: 'invalid_argument',
        field: expect.stringMatching(/^log_chunk\./),
      });
    }
  });

  it('a node can say nothing of an attempt of another node, nor learn whether there is one', async () => {
    const { job } = await cluster.jobs.submitJob({
      spec: {
        workload: { kind: { case: 'process', value: { argv: ['sh', '-c', 'echo mine; sleep 30'] } } },
        placement: { nodes: ['alpha'] },
      },
    });
    const jobId = job?.id ?? '';
    const attempt = await eventually(async () => {
      const [task] = (await cluster.jobs.getJob({ jobId })).job?.tasks ?? [];
      const [first] = task?.attempts ?? [];
      return first?.state === AttemptState.RUNNING ? first : undefined;
    });
    const texts = new Set<string | undefined>();
    for (const id of [attempt.id, NO_SUCH_ID]) {
      for (const message of [status(id, AttemptState.RUNNING), chunk(id, 0, 'forged')]) {
        const agent = await welcomed();
        await agent.send(message);
        const failure = await agent.over;
        expect(failure?.code).toBe('permission_denied');
        texts.add(failure?.message);
      }
    }
    expect([...texts]).toEqual(['the attempt is none of this node']);
    await cluster.jobs.cancelJob({ jobId });
    expect(await readAll(jobId)).toBe('mine\n');
  });

  it('log offsets too small and too large are answered with where to go on, and the right bytes are stored once', async () => {
    const agent = await welcomed();
    const { job } = await cluster.jobs.submitJob({
      spec: {
        workload: { kind: { case: 'process', value: { argv: ['true'] } } },
        placement: { nodes: ['mallory'] },
      },
    });
    const attemptId = await startedBy(agent);
    await agent.send(status(attemptId, AttemptState.RUNNING));
    const nextOffset = async (nth: number) => (await agent.next('logAck', nth)).nextOffsetBytes;
    await agent.send(chunk(attemptId, 0, '01234'));
    expect(await nextOffset(1)).toBe(5n);
    await agent.send(chunk(attemptId, 1_000, 'beyond'));
    expect(await nextOffset(2)).toBe(5n);
    await agent.send(chunk(attemptId, 2, '23456789'));
    expect(await nextOffset(3)).toBe(10n);
    await agent.send(chunk(attemptId, 0, 'xx'));
    expect(await nextOffset(4)).toBe(10n);
    const how = { case: 'exited' as const, value: { code: 0 } };
    const outcome = { outcome: { case: 'ended' as const, value: { how } } };
    const streamLengths = [
      { run: 1, stream: OutputStream.STDOUT, lengthBytes: 10n },
      { run: 1, stream: OutputStream.STDERR, lengthBytes: 0n },
    ];
    const value = { attemptId, state: AttemptState.ENDED, run: 1, pid: 7, outcome, streamLengths };
    await agent.send({ case: 'attemptStatus', value });
    expect(await readAll(job?.id ?? '')).toBe('0123456789');
  });
});

describe('a join token that is not valid', () => {
  it('is refused with one text, whatever is wrong with it, and the log says what it is', async () => {
    const fresh = async () => (await cluster.access.createJoinToken({})).token;
    const used = await fresh();
    await using first = await enrol('first', used);
    await eventually(async () => (await cluster.nodes.listNodes({})).nodes.some((node) => node.name === 'first'), {
      withinMs: 30_000,
    });
    await first.end('SIGTERM');
    const revoked = await fresh();
    await cluster.access.revokeJoinToken({ joinTokenId: parseJoinToken(revoked).tokenId });
    const good = parseJoinToken(await fresh());
    const wrongSecret = formatJoinToken({ ...good, secret: Buffer.alloc(32).toString('base64url') });
    const unknown = formatJoinToken({ ...good, tokenId: asJoinTokenId(NO_SUCH_ID) });
    const cases = { used, revoked, 'wrong-secret': wrongSecret, unknown };
    const ends = await Promise.all(Object.entries(cases).map(([name, token]) => refusedAgent(name, token)));
    expect(new Set(ends.map((each) => each.sentence))).toEqual(
      new Set(['muster-agent: join token not valid: ask for a new one with `muster token create`']),
    );
    expect(ends.map((each) => each.code)).toEqual([1, 1, 1, 1]);
    for (const reason of ['used_up', 'revoked', 'wrong_secret', 'unknown']) {
      expect(cluster.orchestrator.output()).toContain(`"reason":"${reason}"`);
    }
    for (const token of Object.values(cases)) {
      expect(cluster.orchestrator.output()).not.toContain(parseJoinToken(token).secret);
    }
  });

  it('with the digest of another authority makes the agent send nothing, and the token stays good', async () => {
    const token = (await cluster.access.createJoinToken({ timeToLive: durationFromMs(600_000) })).token;
    const other = formatJoinToken({ ...parseJoinToken(token), caSha256: 'ab'.repeat(32) });
    const { code, sentence } = await refusedAgent('misled', other);
    expect(code).toBe(1);
    expect(sentence).toMatch(/does not show the authority that the join token names; nothing was sent to it/);
    await using agent = await enrol('trusting', token);
    await eventually(async () => (await cluster.nodes.listNodes({})).nodes.some((node) => node.name === 'trusting'), {
      withinMs: 30_000,
    });
    await agent.end('SIGTERM');
  });

  it('that was cut is told to the user before anything is dialled', async () => {
    const { token } = await cluster.access.createJoinToken({});
    const { code, sentence } = await refusedAgent('cut', token.slice(0, -3));
    expect(code).toBe(1);
    expect(sentence).toMatch(/cut or mistyped .*copy the whole line that `muster token create` prints/);
  });
});

async function idOf(name: string): Promise<string> {
  return (await cluster.nodes.getNode({ node: name })).node?.id ?? '';
}

/** Accepts the offer that comes and waits for its start; the attempt's id. */
async function startedBy(agent: RawAgent): Promise<string> {
  const changes = () =>
    agent.all('assignments').flatMap(({ set }) => (set.case === 'changes' ? set.value.changes : []));
  const attemptId = await eventually(() => {
    for (const { change } of changes()) if (change.case === 'offer') return change.value.assignment?.attemptId;
    return undefined;
  });
  await agent.send({ case: 'assignmentReply', value: { attemptId, reply: { case: 'accepted', value: {} } } });
  await eventually(() => changes().some(({ change }) => change.case === 'start'));
  return attemptId;
}

/** The standard output of a job, once it is over. */
async function readAll(jobId: string): Promise<string> {
  let text = '';
  for await (const { event } of cluster.jobs.readLogs({ jobId, follow: true })) {
    if (event.case === 'data') text += Buffer.from(event.value.data).toString('utf8');
  }
  return text;
}

async function enrol(name: string, token: string): Promise<RunningProgram> {
  const tokenFile = directory.join(`${name}.join`);
  writeFileSync(tokenFile, token, { mode: 0o600 });
  const args = ['--state-dir', directory.join(name), '--name', name, '--cloud-metadata', 'off'];
  return new RunningProgram('muster-agent', [...args, '--join-token-file', tokenFile], directory.join(`${name}.log`));
}

/** Starts an agent that cannot enrol; how it ended, and its last words. */
async function refusedAgent(name: string, token: string): Promise<{ code: number | null; sentence: string }> {
  await using agent = await enrol(name, token);
  const { code } = await agent.ended;
  return { code, sentence: agent.output().trim().split('\n').at(-1) ?? '' };
}
