import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { CreateJoinTokenRequest } from '@muster/gen/muster/control/v1/access_service_pb';
import { type ReadLogsRequest, ReadLogsResponseSchema } from '@muster/gen/muster/control/v1/job_service_pb';
import { type Job, JobSchema, JobState, OutputStream, StoppedBy, TaskState } from '@muster/gen/muster/job/v1/status_pb';
import { type Node, NodeSchema, NodeState } from '@muster/gen/muster/node/v1/node_pb';
import { ManualClock } from '@muster/testing/manual-clock';
import { type FakeControlDoor, type FakeServices, fakeControlDoor } from '../client/fake-control-door.fixture.ts';
import { type FakeContext, fakeContext } from '../program/fake-context.fixture.ts';
import { runProgram } from '../program/run-program.ts';

/** A value of an enum that only a newer orchestrator knows. */
const FROM_LATER: number = 99;
const doors: FakeControlDoor[] = [];

afterEach(async () => {
  for (const door of doors.splice(0)) await door[Symbol.asyncDispose]();
});

async function muster(services: FakeServices, ...argv: string[]): Promise<{ code: number; context: FakeContext }> {
  const door = await fakeControlDoor(services);
  doors.push(door);
  const context = fakeContext(door, { clock: new ManualClock(1_000_000_000_000) });
  return { code: await runProgram(argv, context), context };
}

function node(name: string, state: NodeState): Node {
  return create(NodeSchema, {
    id: `id-${name}`,
    name,
    state,
    labels: { rack: 'a', gpu: 'yes' },
    lastContactTime: timestampFromMs(1_000_000_000_000 - 90_000),
    fingerprint: {
      cpu: { logicalCores: 8, model: 'Test CPU', architecture: 'x86_64' },
      memory: { totalBytes: 16n * 1024n ** 3n },
      os: { distribution: 'debian', version: '13', kernel: '6.12' },
    },
  });
}

function endedJob(): Job {
  return create(JobSchema, {
    id: '01jd0000000000000000000000',
    state: JobState.FAILED,
    spec: { name: 'test', workload: { kind: { case: 'process', value: { argv: ['sh', '-c', 'exit 3'] } } } },
    submittedBy: 'admin',
    submittedTime: timestampFromMs(1_000_000_000_000 - 3_600_000),
    taskCounts: { failed: 1, succeeded: 1 },
    tasks: [
      {
        index: 0,
        state: TaskState.FAILED,
        nodeName: 'web-1',
        attempts: [
          {
            id: 'attempt-0',
            number: 1,
            nodeId: 'id-web-1',
            nodeName: 'web-1',
            state: 9,
            outcome: {
              outcome: {
                case: 'ended',
                value: {
                  how: { case: 'exited', value: { code: 3 } },
                  stoppedBy: StoppedBy.TIMEOUT,
                  signalsSent: ['SIGTERM'],
                  usage: {
                    cpuUser: { seconds: 0n, nanos: 12_000_000 },
                    cpuSystem: { seconds: 0n, nanos: 3_000_000 },
                    peakMemoryBytes: 3n * 1024n * 1024n,
                    wall: { seconds: 1n, nanos: 0 },
                  },
                },
              },
            },
            streams: [{ run: 1, stream: OutputStream.STDOUT, storedBytes: 4n, producedBytes: 4n, complete: true }],
          },
        ],
      },
      { index: 1, state: FROM_LATER, nodeName: 'db\x1b[2J', attempts: [{ number: 1, state: FROM_LATER }] },
    ],
  });
}

describe('muster nodes', () => {
  it('prints aligned text in a pipe, over several pages', async () => {
    const tokens: string[] = [];
    const { code, context } = await muster(
      {
        nodes: {
          listNodes: (request) => {
            tokens.push(request.pageToken);
            return request.pageToken === ''
              ? { nodes: [node('web-1', NodeState.ONLINE)], nextPageToken: 'more' }
              : { nodes: [node('a-longer-name', FROM_LATER)] };
          },
        },
      },
      'nodes',
    );
    expect(code).toBe(0);
    expect(tokens).toEqual(['', 'more']);
    expect(context.stdout.text).toBe(
      'NAME           STATE         CPU  MEMORY  GPU  OS         RUNS  SEEN  LABELS\n' +
        'web-1          online        8    16GiB   -    debian 13  0     1m    gpu=yes,rack=a\n' +
        'a-longer-name  unknown (99)  8    16GiB   -    debian 13  0     1m    gpu=yes,rack=a\n',
    );
  });

  it('prints protobuf JSON with -o json, also when there is none', async () => {
    const { context } = await muster({ nodes: { listNodes: () => ({}) } }, 'nodes', '-o', 'json');
    expect(JSON.parse(context.stdout.text)).toEqual({ nodes: [], nextPageToken: '' });
  });

  it('asks for states and labels', async () => {
    const seen: unknown[] = [];
    const services: FakeServices = {
      nodes: {
        listNodes: (request) => {
          seen.push(request.states, request.selector?.matchLabels);
          return {};
        },
      },
    };
    await muster(services, 'nodes', '--state', 'online', '--state', 'down', '--label', 'a=b', '-o', 'wide');
    expect(seen).toEqual([[NodeState.ONLINE, NodeState.DOWN], { a: 'b' }]);
    const { code, context } = await muster(services, 'nodes', '--state', 'sleeping');
    expect(code).toBe(2);
    expect(context.stderr.text).toContain('known: online, unreachable, down, removed, replaced');
  });
});

describe('muster node', () => {
  it('shows one, by name', async () => {
    const { context } = await muster(
      { nodes: { getNode: (request) => ({ node: node(request.node, NodeState.DOWN) }) } },
      ...['node', 'get', 'web-1'],
    );
    expect(context.stdout.text).toContain('State        down\n');
    expect(context.stdout.text).toContain('CPU          8 x Test CPU (x86_64)\n');
  });

  it('sets and removes labels', async () => {
    const seen: unknown[] = [];
    const { code, context } = await muster(
      {
        nodes: {
          updateNodeLabels: (request) => {
            seen.push(request.node, request.set, request.remove);
            return { node: node('web-1', NodeState.ONLINE) };
          },
        },
      },
      ...['node', 'label', 'web-1', 'rack=a', 'old-'],
    );
    expect(code).toBe(0);
    expect(seen).toEqual(['web-1', { rack: 'a' }, ['old']]);
    expect(context.stdout.text).toBe('web-1  gpu=yes,rack=a\n');
  });
});

describe('muster job get', () => {
  it('shows state, end, stop, usage and bytes, and survives what it does not know', async () => {
    const { context } = await muster({ jobs: { getJob: () => ({ job: endedJob() }) } }, 'job', 'get', 'x');
    const text = context.stdout.text;
    for (const line of [
      'State        failed',
      "Runs         process: sh -c 'exit 3'",
      'Tasks        2: 1 succeeded, 1 failed',
      'Task 0  failed on web-1',
      '    How          exited(3)',
      '    Stopped by   timeout (SIGTERM)',
      '    CPU time     12ms user, 3ms system',
      '    Peak memory  3MiB',
      '    Wall         1s',
      '    stdout       4B, complete',
      'Task 1  unknown (99) on db^[[2J',
      '    State        unknown (99)',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(text).not.toMatch(/\x1b/);
  });

  it('prints JSON with its id as id', async () => {
    const { context } = await muster(
      { jobs: { getJob: () => ({ job: endedJob() }) } },
      'job',
      'get',
      'x',
      '-o',
      'json',
    );
    expect(JSON.parse(context.stdout.text)).toMatchObject({
      id: '01jd0000000000000000000000',
      state: 'JOB_STATE_FAILED',
    });
  });
});

describe('muster jobs', () => {
  it('lists up to the limit', async () => {
    const sizes: number[] = [];
    const { context } = await muster(
      {
        jobs: {
          listJobs: (request) => {
            sizes.push(request.pageSize);
            return { jobs: [endedJob(), endedJob()], nextPageToken: 'more' };
          },
        },
      },
      ...['jobs', '--limit', '3'],
    );
    expect(sizes).toEqual([3, 1]);
    expect(context.stdout.text.split('\n')).toHaveLength(5);
    expect(context.stdout.text).toContain('failed  2: 1 succeeded, 1 failed  1h');
  });
});

describe('muster logs', () => {
  const event = (text: string, offset: number): { data: Uint8Array; offsetBytes: bigint } => ({
    data: Buffer.from(text),
    offsetBytes: BigInt(offset),
  });
  const source = { attemptId: 'attempt-0', run: 1, taskIndex: 0, nodeName: 'web-1' };

  function logsOf(requests: ReadLogsRequest[], isGapped: boolean): FakeServices {
    return {
      jobs: {
        getJob: () => ({ job: create(JobSchema, { id: 'x', tasks: [{ index: 0 }] }) }),
        async *readLogs(request) {
          requests.push(request);
          const stream = OutputStream.STDERR;
          yield create(ReadLogsResponseSchema, {
            event: { case: 'data', value: { source, stream, ...event('abc', 0) } },
          });
          if (isGapped) {
            const value = { source, stream, offsetBytes: 3n, lengthBytes: 2n, reason: 2 };
            yield create(ReadLogsResponseSchema, { event: { case: 'missing', value } });
          }
          const value = { source, complete: false, message: 'it is still running' };
          yield create(ReadLogsResponseSchema, { event: { case: 'end', value } });
        },
      },
    };
  }

  it('prints what there is and says that more may come', async () => {
    const requests: ReadLogsRequest[] = [];
    const { code, context } = await muster(
      logsOf(requests, false),
      'logs',
      'x',
      '--stderr',
      '--task',
      '0',
      '--attempt',
      '2',
    );
    expect(code).toBe(0);
    expect(requests[0]).toMatchObject({ follow: false, stream: OutputStream.STDERR, taskIndex: 0, attemptNumber: 2 });
    expect(context.stdout.text).toBe('');
    expect(context.stderr.text).toBe('abcmuster: output of task 0 on web-1 is not complete: it is still running\n');
  });

  it('exits with 1 when output is gone', async () => {
    const { code, context } = await muster(logsOf([], true), 'logs', '-f', 'x');
    expect(code).toBe(1);
    expect(context.stderr.text).toContain('2 bytes of stderr of task 0 on web-1 are gone, from byte 3 on (disk_error)');
  });
});

describe('muster cancel', () => {
  it('says what the job came to', async () => {
    const { context } = await muster({ jobs: { cancelJob: () => ({ job: endedJob() }) } }, 'cancel', 'x');
    expect(context.stdout.text).toBe('job 01jd0000000000000000000000 has ended: failed\n');
  });
});

describe('muster token and key', () => {
  it('print the secret alone', async () => {
    const requests: CreateJoinTokenRequest[] = [];
    const { context } = await muster(
      {
        access: {
          createJoinToken: (request) => {
            requests.push(request);
            return { token: 'secret-token' };
          },
        },
      },
      ...['token', 'create', '--uses', 'unlimited', '--ttl', '2d', '--label', 'rack=a'],
    );
    expect(context.stdout.text).toBe('secret-token\n');
    expect(requests[0]).toMatchObject({
      unlimitedUses: true,
      labels: { rack: 'a' },
      timeToLive: { seconds: 172_800n },
    });
    expect(requests[0]?.uses).toBeUndefined();
    const key = await muster(
      { access: { createApiKey: (request) => ({ key: `key-of-${request.name}-${request.role}` }) } },
      ...['key', 'create', 'ci', '--role', 'operator'],
    );
    expect(key.context.stdout.text).toBe('key-of-ci-3\n');
  });

  it.each([
    [['token', 'create', '--uses', '0'], '--uses: "0" is not a whole number from 1 on'],
    [['key', 'create', 'x', '--role', 'anonymous'], '--role: unknown role "anonymous"; known: viewer, operator, admin'],
    [['key', 'create', 'x'], "required option '--role <role>' not specified"],
    [['token', 'revoke'], "missing required argument 'id'"],
    [['nods'], "unknown command 'nods' (Did you mean one of node, nodes?)"],
  ])('refuse %j with one line', async (argv, expected) => {
    const { code, context } = await muster({}, ...argv);
    expect(code).toBe(2);
    expect(context.stderr.text).toBe(`muster: ${expected}; --help shows how\n`);
  });

  it('list and revoke', async () => {
    const services: FakeServices = {
      access: {
        listJoinTokens: () => ({
          joinTokens: [
            { id: 't1', usesLeft: 0, expiresTime: timestampFromMs(2_000_000_000_000), createdBy: 'admin' },
            { id: 't2', expiresTime: timestampFromMs(1) },
          ],
        }),
        revokeApiKey: () => ({}),
      },
    };
    const list = await muster(services, 'token', 'list');
    expect(list.context.stdout.text).toContain('t1  used     0          2033-05-18 03:33:20Z  admin');
    expect(list.context.stdout.text).toContain('t2  expired  unlimited  1970-01-01 00:00:00Z');
    const revoke = await muster(services, 'key', 'revoke', 'k1');
    expect(revoke.context.stdout.text).toBe('API key k1 is revoked\n');
  });
});

describe('a command', () => {
  it('says what to do when its key may not', async () => {
    const { code, context } = await muster({}, 'nodes');
    expect(code).toBe(1);
    expect(context.stderr.text).toContain('muster: ');
    expect(context.stderr.text).toContain('ListNodes');
  });

  it('is explained by --help, with examples', async () => {
    const { code, context } = await muster({}, 'run', '--help');
    expect(code).toBe(0);
    expect(context.stdout.text).toContain('muster run --all');
    expect(context.stderr.text).toBe('');
  });

  it('is asked for when there is none', async () => {
    const { code, context } = await muster({});
    expect(code).toBe(2);
    expect(context.stderr.text).toContain('Usage: muster');
  });
});
