// Noise at both doors, before and after the handshake: whatever comes, the orchestrator is the same process afterwards, has
// logged no fault of its own, and serves the others.

import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import type { ConnectRequestSchema } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { JobState } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { type AgentMessage, helloMessage, RawAgent } from '@muster/testing/raw-agent';
import { RealCluster } from '@muster/testing/real/cluster';
import { testRandom } from '@muster/testing/seeded-random';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';

const SESSIONS = 30;
const FRAMES_PER_SESSION = 12;
const ROUNDS = 25;
/** Ends that the contract names: nothing is our own fault. */
const named = /^(?:ok|aborted|failed_precondition|invalid_argument|permission_denied|resource_exhausted)$/;
const { seed, random } = testRandom();
jest.setTimeout(90_000);

let directory: TempDir;
let cluster: RealCluster;
let mallory: { readonly port: number; readonly identity: TlsIdentity };
let processBefore: number;

beforeAll(async () => {
  directory = await tempDir();
  cluster = await RealCluster.start({ directory: directory.path });
  await cluster.startAgent('alpha');
  await (await cluster.startAgent('mallory')).end('SIGTERM');
  const record = JSON.parse(readFileSync(`${cluster.stateDirectory('mallory')}/node.json`, 'utf8'));
  const keyPem = readFileSync(`${cluster.stateDirectory('mallory')}/node-key.pem`, 'utf8');
  const identity = { caPem: record.ca_bundle_pem, certPem: record.certificate_pem, keyPem };
  mallory = { port: portOf(cluster.endpoints.agent_address), identity };
  processBefore = cluster.orchestrator.pid;
});

afterEach(async () => {
  expect([cluster.orchestrator.running, cluster.orchestrator.pid]).toEqual([true, processBefore]);
  const faults = cluster.orchestrator
    .output()
    .split('\n')
    .filter((line) => /"level":(?:50|60|"error"|"fatal")/.test(line));
  expect([`seed ${seed}`, ...faults]).toEqual([`seed ${seed}`]);
  const { job } = await cluster.jobs.submitJob({
    spec: {
      workload: { kind: { case: 'process', value: { argv: ['true'] } } },
      placement: { nodes: ['alpha'] },
    },
    wait: { seconds: 30n },
  });
  expect(job?.state).toBe(JobState.SUCCEEDED);
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
});

function portOf(address: string): number {
  return Number(address.split(':').at(-1));
}

const below = (most: number): number => Math.floor(random.next() * most);

function oneOf<T>(choices: readonly [T, ...T[]]): T {
  return choices[below(choices.length)] ?? choices[0];
}

describe('bytes that are no TLS', () => {
  it.each(['agent', 'control'])('at the %s door end that connection and nothing else', async (which) => {
    const { agent_address, control_url } = cluster.endpoints;
    const port = which === 'agent' ? portOf(agent_address) : Number(new URL(control_url).port);
    const noises = [
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      // A TLS record that promises more than it has, and one of the largest size.
      Buffer.from([22, 3, 1, 0xff, 0xff, 1, 0, 0xff, 0xff]),
      Buffer.concat([Buffer.from([22, 3, 3, 0x40, 0]), Buffer.from(random.bytes(0x4000))]),
      ...Array.from({ length: 40 }, () => Buffer.from(random.bytes(1 + below(2_000)))),
    ];
    await Promise.all(noises.map((noise) => shout(port, noise)));
  });

  /** Says it and hangs up, half of the time without a goodbye. */
  function shout(port: number, noise: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const socket = connectTcp({ host: '127.0.0.1', port });
      socket.on('error', () => undefined);
      socket.once('close', () => resolve());
      socket.resume();
      socket.write(noise, () => (below(2) === 0 ? socket.end() : socket.resetAndDestroy()));
    });
  }
});

describe('an enrolled agent that says anything', () => {
  /** An attempt that really is mallory's, while there is one. */
  let own: string | undefined;
  const id = () =>
    own !== undefined && below(8) > 0
      ? own
      : oneOf(['01arz3ndektsv4rrffq69g5fav', '', '../../etc/passwd', 'Z'.repeat(26), '\0', 'a'.repeat(5_000)]);
  const text = () =>
    oneOf(['', '\u001b[2J', '\u202e', '__proto__', 'x'.repeat(70_000), '\ud800'.slice(0, 0), '{}', '-1']);
  const small = () => oneOf([0, 1, 2, 7, 0x7fff_ffff, 0xffff_ffff]);
  const signed = () => oneOf([0, 1, -1, 5, 0x7fff_ffff, -0x8000_0000]);
  const large = () => oneOf([0n, 1n, 2n ** 31n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n]);
  const time = () =>
    oneOf([undefined, { seconds: 0n }, { seconds: -(2n ** 62n), nanos: -5 }, { seconds: 2n ** 62n, nanos: 7 }]);
  const many = <T>(make: () => T): T[] => Array.from({ length: oneOf([0, 1, 2, 2_000]) }, make);
  const labels = () => Object.fromEntries(many(() => [text(), text()]));
  const maybe = <T>(name: string, value: T | undefined) => (value === undefined ? {} : { [name]: value });
  // Mostly what is right, so that what is wrong beside it is reached.
  const run = () => (below(4) > 0 ? 1 : small());
  const state = () => (below(4) > 0 ? below(12) : signed());
  const stream = () => (below(4) > 0 ? 1 + below(2) : signed());
  const place = () => ({ attemptId: id(), run: run(), stream: stream(), offsetBytes: below(2) > 0 ? 0n : large() });
  const outcome = () =>
    oneOf<NonNullable<Extract<AgentMessage, { case: 'attemptStatus' }>['value']['outcome']>>([
      {},
      { outcome: { case: 'notRun', value: { reason: signed(), message: text(), errno: text() } } },
      {
        outcome: {
          case: 'ended',
          value: {
            how: { case: 'exited', value: { code: small() } },
            stoppedBy: signed(),
            signalsSent: many(text),
            usage: { peakMemoryBytes: large(), ...maybe('cpuUser', time()) },
          },
        },
      },
      { outcome: { case: 'ended', value: { how: { case: 'signaled', value: { number: small(), signal: text() } } } } },
    ]);
  const fingerprint = () => ({
    drivers: many(text),
    cpu: { model: text() },
    interpreters: many(() => ({ name: text(), path: text(), version: text() })),
    probeFailures: many(() => ({ probe: text(), reason: text() })),
  });
  const aboutAttempts: readonly [() => AgentMessage, ...(() => AgentMessage)[]] = [
    () => ({
      case: 'attemptStatus',
      value: {
        attemptId: id(),
        run: run(),
        state: state(),
        pid: small(),
        phase: text(),
        outcome: outcome(),
        streamLengths: many(() => ({ run: run(), stream: stream(), lengthBytes: large() })),
        ...maybe('startedTime', time()),
        ...maybe('endedTime', time()),
      },
    }),
    () => ({
      case: 'logChunk',
      value: { ...place(), data: random.bytes(below(3_000)), ...maybe('observedTime', time()) },
    }),
    () => ({ case: 'logGap', value: { ...place(), lengthBytes: large(), reason: signed() } }),
  ];
  const makers: readonly [() => AgentMessage, ...(() => AgentMessage)[]] = [
    () => ({ case: undefined }),
    () => helloMessage({ ledgerId: id(), bootId: text(), labels: labels(), highestStoreEpoch: large() }),
    () =>
      helloMessage({
        fingerprint: fingerprint(),
        maxAttempts: small(),
        attempts: many(() => ({ attemptId: id(), run: small(), state: signed() })),
      }),
    () => ({ case: 'heartbeat', value: { appliedRevision: large(), usage: { agentMemoryBytes: large() } } }),
    () => ({ case: 'capabilityReport', value: { ...maybe('fingerprint', oneOf([undefined, fingerprint()])) } }),
    () => ({ case: 'assignmentReply', value: { attemptId: id(), reply: { case: 'accepted', value: {} } } }),
    () => ({
      case: 'assignmentReply',
      value: { attemptId: id(), reply: { case: 'refused', value: { reason: { reason: signed(), message: text() } } } },
    }),
    () => ({ case: 'goodbye', value: { reason: signed(), message: text() } }),
    () => ({ case: 'unsupported', value: { sequence: large() } }),
    ...aboutAttempts,
  ];

  it(`over ${SESSIONS} sessions ends only its own sessions`, async () => {
    const codes = new Map<string, number>();
    for (let session = 0; session < SESSIONS; session += 1) {
      await using agent = RawAgent.connect(mallory);
      // One in four says something else first; of the others, half wait until they are let in.
      const polite = below(4) > 0;
      if (polite) await agent.send(helloMessage()).catch(() => undefined);
      if (polite && below(2) > 0) await agent.next('assignments');
      for (let count = 0; count < FRAMES_PER_SESSION && !agent.ended; count += 1) {
        await (below(10) === 0 ? agent.sendFrame(wild()) : agent.send(oneOf(makers)())).catch(() => undefined);
      }
      agent.halfClose();
      const failure = await agent.over;
      const code = failure?.code ?? 'ok';
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect([`seed ${seed}`, ...[...codes.keys()].filter((code) => !named.test(code))]).toEqual([`seed ${seed}`]);
    expect(codes.size).toBeGreaterThan(2);
  });

  it('about an attempt of its own harms nobody who looks at the job', async () => {
    // Quarantine for coming back so often is lifted by whoever looks after the nodes.
    await cluster.nodes.uncordonNode({ node: 'mallory' });
    for (let round = 0; round < ROUNDS; round += 1) {
      await using agent = await RawAgent.welcomed(mallory);
      const { job } = await cluster.jobs.submitJob({
        spec: {
          workload: { kind: { case: 'process', value: { argv: ['true'] } } },
          placement: { nodes: ['mallory'] },
        },
      });
      const jobId = job?.id ?? '';
      own = await startedBy(agent);
      for (let count = 0; count < FRAMES_PER_SESSION && !agent.ended; count += 1) {
        await agent.send(oneOf(aboutAttempts)()).catch(() => undefined);
      }
      agent.halfClose();
      const failure = await agent.over;
      expect([`seed ${seed}`, failure?.code ?? 'ok']).toEqual([`seed ${seed}`, expect.stringMatching(named)]);
      expect((await cluster.jobs.getJob({ jobId })).job?.id).toBe(jobId);
      for await (const { event } of cluster.jobs.readLogs({ jobId })) expect(event.case).toBeDefined();
      await cluster.jobs.cancelJob({ jobId });
      await cluster.nodes.uncordonNode({ node: 'mallory' });
    }
    own = undefined;
    expect((await cluster.jobs.listJobs({})).jobs.length).toBeGreaterThan(ROUNDS);
    expect((await cluster.nodes.getNode({ node: 'mallory' })).node?.name).toBe('mallory');
  });

  function wild(): MessageInitShape<typeof ConnectRequestSchema> {
    return { sequence: large(), message: oneOf(makers)() };
  }
});

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
