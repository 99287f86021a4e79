/** A whole agent in this process, on a state directory of the test's, with a driver that starts what the job names. */
import { writeFile } from 'node:fs/promises';
import { systemClock } from '@muster/common/clock/clock';
import type { Disk } from '@muster/common/disk/disk';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { asNodeId, makeIds } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import type { AssignmentSchema } from '@muster/gen/muster/agent/v1/assignment_pb';
import type { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { NotRunReason } from '@muster/gen/muster/job/v1/status_pb';
import { type CapturedLogs, captureLogs } from '@muster/testing/capture-logs';
import {
  type FakeOrchestrator,
  type FakeSession,
  fakeOrchestrator,
  type Init,
} from '@muster/testing/fake-orchestrator';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { type TestCa, testCa } from '@muster/testing/test-pki';
import { composeAgent } from './compose.ts';
import type { AgentConfig } from './config/agent-config.ts';
import type { Probe } from './fingerprint/probe.ts';
import { writeNodeRecord } from './identity/node-record.ts';
import type { DriverPort } from './jobs/attempt-ports.ts';
import type { AgentWorld } from './world.ts';

const ids = makeIds(systemClock, systemRandom);

/** A fresh id for an attempt or a job. */
export function freshId(): string {
  return ids.next();
}

/** An assignment of a program. */
export function processAssignment(
  argv: readonly string[],
  spec: Init<typeof JobSpecSchema> = {},
  attemptId = freshId(),
): Init<typeof AssignmentSchema> & { attemptId: string } {
  return {
    attemptId,
    jobId: freshId(),
    attemptNumber: 1,
    spec: { ...spec, workload: { kind: { case: 'process', value: { argv: [...argv] } } } },
  };
}

const processDriver: DriverPort = {
  async prepare(spec, { workingDirectory, environment, stdinPath }) {
    const kind = spec.workload?.kind;
    const [program, ...rest] = kind?.case === 'process' ? kind.value.argv : [];
    if (program === undefined) return { kind: 'not_run', reason: NotRunReason.UNSUPPORTED, message: 'no process' };
    const launch = { argv: [program, ...rest] as const, workingDirectory, environment };
    return { kind: 'ready', launch: { ...launch, ...(stdinPath === undefined ? {} : { stdinPath }) } };
  },
};

const fixedProbe: Probe = {
  name: 'fixed',
  timeoutMs: 1_000,
  run: async () => ({ part: { drivers: ['process'] } }),
};

/** What a test may choose. */
export interface WorldOptions {
  readonly disk?: Disk;
  readonly maxAttempts?: number;
  readonly probe?: Probe;
}

/** A running agent. */
export interface TestAgent extends AsyncDisposable {
  readonly logs: CapturedLogs;
  /** Ends it as SIGTERM would; what it runs goes on. */
  stop(): Promise<void>;
}

/** An orchestrator, a state directory of an enrolled node, and agents on it. */
export interface TestWorld extends AsyncDisposable {
  readonly ca: TestCa;
  readonly dir: TempDir;
  readonly door: FakeOrchestrator;
  start(
    options?: WorldOptions & { readonly stateDir?: string; readonly addresses?: readonly string[] },
  ): Promise<TestAgent>;
}

/** Makes one. Disposing it ends its agents first. */
export async function testWorld(): Promise<TestWorld> {
  const ca = await testCa();
  const dir = await tempDir();
  const door = await fakeOrchestrator(await ca.server());
  const agents: TestAgent[] = [];
  const nodeId = asNodeId(freshId());
  const identity = await ca.node(nodeId);
  await writeFile(dir.join('node-key.pem'), identity.keyPem, { mode: 0o600 });
  await writeNodeRecord(nodeDisk, dir.join('node.json'), {
    nodeId,
    nodeName: 'node-1',
    agentAddresses: [door.address],
    caBundlePem: identity.caPem,
    certificatePem: identity.certPem,
  });
  return {
    ca,
    dir,
    door,
    async start(options = {}) {
      const agent = await startAgent(dir.path, options);
      agents.push(agent);
      return agent;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(agents.map((agent) => agent.stop()));
      await door[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** What an agent is made of, on this state directory. */
export function agentParts(
  path: string,
  options: WorldOptions & { readonly addresses?: readonly string[] } = {},
): { readonly config: AgentConfig; readonly world: AgentWorld; readonly logs: CapturedLogs } {
  const logs = captureLogs('agent');
  const config: AgentConfig = {
    stateDir: path,
    joinToken: undefined,
    orchestratorAddresses: options.addresses ?? [],
    name: undefined,
    labels: { rack: 'a1' },
    maxAttempts: options.maxAttempts ?? 128,
    cloudMetadata: false,
    logLevel: 'debug',
    logPretty: false,
    environment: { PATH: process.env['PATH'], MUSTER_AGENT_JOIN_TOKEN: 'hidden' },
  };
  const world: AgentWorld = {
    clock: systemClock,
    random: systemRandom,
    disk: options.disk ?? nodeDisk,
    logger: logs.logger,
    drivers: processDriver,
    driverKinds: new Set(['process']),
    probes: [options.probe ?? fixedProbe],
    probeContext: {
      platform: 'linux',
      root: '/',
      environment: {},
      clock: systemClock,
      runCommand: async () => {
        throw new Error('no probe of these tests starts programs');
      },
    },
  };
  return { config, world, logs };
}

async function startAgent(
  path: string,
  options: WorldOptions & { readonly stateDir?: string; readonly addresses?: readonly string[] },
): Promise<TestAgent> {
  const ending = new AbortController();
  const stack = new AsyncDisposableStack();
  const { config, world, logs } = agentParts(options.stateDir ?? path, options);
  const agent = await composeAgent(config, world, stack, ending.signal).catch(async (error: unknown) => {
    await stack.disposeAsync();
    throw error;
  });
  const running = agent.run(ending.signal);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      ending.abort(new Error('test ends'));
      await running;
      await stack.disposeAsync();
    })();
    return stopped;
  };
  return { logs, stop, [Symbol.asyncDispose]: stop };
}

/** Opens a session: welcome, COMPLETE, heartbeats answered, statuses acknowledged, output acknowledged. */
export async function establish(
  session: FakeSession,
  assignments: readonly Init<typeof AssignmentSchema>[] = [],
): Promise<void> {
  await session.welcome();
  session.answerHeartbeats();
  await session.complete(assignments);
}

/** The output of a stream, from the chunks so far. */
export function outputOf(session: FakeSession, attemptId: string, stream = 1): Buffer {
  const chunks = session.all('logChunk').filter((each) => each.attemptId === attemptId && each.stream === stream);
  const end = Math.max(0, ...chunks.map((each) => Number(each.offsetBytes) + each.data.length));
  const output = Buffer.alloc(end);
  for (const each of chunks) output.set(each.data, Number(each.offsetBytes));
  return output;
}

/** Acknowledges each chunk as it comes. */
export function acknowledgeOutput(session: FakeSession): void {
  session.onFrame = ({ message }) => {
    if (message.case !== 'logChunk' && message.case !== 'logGap') return;
    const { attemptId, run, stream, offsetBytes } = message.value;
    const bytes = message.case === 'logChunk' ? BigInt(message.value.data.length) : message.value.lengthBytes;
    const value = { attemptId, run, stream, nextOffsetBytes: offsetBytes + bytes };
    session.send({ case: 'logAck', value }).catch(() => {});
  };
}
