// What no careful client would send to the control door: each is answered with its status, the field and what to do, and
// the orchestrator serves on. Over real gRPC, on the real program.
import { readFileSync } from 'node:fs';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import { Role } from '@muster/gen/muster/control/v1/role_pb';
import type { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { NotRunReason, OutputStream, TaskState } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { RealCluster } from '@muster/testing/real/cluster';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';

/** Plain values only, so that they can be spread. */
type SpecInit = Extract<MessageInitShape<typeof JobSpecSchema>, { $typeName?: never }>;

const PATIENCE_MS = 60_000;
const NO_SUCH_ID = '01arz3ndektsv4rrffq69g5fav';

jest.setTimeout(PATIENCE_MS);

let directory: TempDir;
let cluster: RealCluster;
let processBefore: number;

beforeAll(async () => {
  directory = await tempDir();
  cluster = await RealCluster.start({ directory: directory.path });
  await cluster.startAgent('alpha');
  processBefore = cluster.orchestrator.pid;
});

afterEach(async () => {
  expect(cluster.orchestrator.running).toBe(true);
  expect(cluster.orchestrator.pid).toBe(processBefore);
  expect((await cluster.nodes.getNode({ node: 'alpha' })).node?.name).toBe('alpha');
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
});

const process_ = (...argv: string[]): SpecInit => ({ workload: { kind: { case: 'process', value: { argv } } } });
const script = (content: string, interpreter = ''): SpecInit => ({
  workload: { kind: { case: 'script', value: { content, interpreter } } },
});
const good = process_('true');
const timeouts = (name: 'queue' | 'start' | 'run', ms: number): SpecInit => ({
  ...good,
  timeouts: { [name]: durationFromMs(ms) },
});

/** How a call was refused. */
async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (thrown) {
    return ConnectError.from(thrown);
  }
  throw new Error('it was taken');
}

describe('a job that is not as it must be', () => {
  it.each<[string, SpecInit | undefined, Code, string, RegExp]>([
    ['no spec', undefined, Code.InvalidArgument, 'spec', /missing; say what to run/],
    ['no workload', {}, Code.InvalidArgument, 'spec.workload', /missing; give a script or a process/],
    ['an empty argv', process_(), Code.InvalidArgument, 'spec.workload.process.argv', /empty; give the program/],
    ['an empty program', process_(''), Code.InvalidArgument, 'spec.workload.process.argv[0]', /empty; give the name/],
    ['a NUL in argv', process_('echo', 'a\0b'), Code.InvalidArgument, 'spec.workload.process.argv[1]', /NUL byte/],
    [
      'an environment name with "="',
      { ...good, env: { 'A=B': 'c' } },
      Code.InvalidArgument,
      'spec.env["A=B"]',
      /can not contain "="/,
    ],
    [
      'a relative directory',
      { ...good, workingDirectory: 'tmp' },
      Code.InvalidArgument,
      'spec.working_directory',
      /must be an absolute path/,
    ],
    [
      'a script over 1 MiB',
      script('#'.repeat(1024 * 1024 + 1)),
      Code.InvalidArgument,
      'spec.workload.script.content',
      /longer than 1 MiB; fetch large data/,
    ],
    [
      'a negative run timeout',
      timeouts('run', -5),
      Code.InvalidArgument,
      'spec.timeouts.run',
      /must be 1 ms to .* leave it out for no limit/,
    ],
    ['a run timeout of zero', timeouts('run', 0), Code.InvalidArgument, 'spec.timeouts.run', /must be 1 ms to/],
    ['a negative queue timeout', timeouts('queue', -1), Code.InvalidArgument, 'spec.timeouts.queue', /must be 1000 ms/],
    ['a queue timeout of zero', timeouts('queue', 0), Code.InvalidArgument, 'spec.timeouts.queue', /must be 1000 ms/],
    ['a start timeout of zero', timeouts('start', 0), Code.InvalidArgument, 'spec.timeouts.start', /must be 1000 ms/],
    [
      'a negative grace',
      { ...good, stop: { grace: durationFromMs(-1) } },
      Code.InvalidArgument,
      'spec.stop.grace',
      /must be 0 ms to/,
    ],
    [
      'an interpreter that is no name',
      script('x', 'bash -eu'),
      Code.InvalidArgument,
      'spec.workload.script.interpreter',
      /a name such as "bash" or an absolute path; its arguments go into interpreter_args/,
    ],
    [
      'a label key in capitals',
      { ...good, labels: { GPU: 'a' } },
      Code.InvalidArgument,
      'spec.labels',
      /"GPU" is not a label key; a key is 1 to 63 of/,
    ],
    [
      'a selector value with a space',
      { ...good, placement: { selector: { matchLabels: { gpu: 'a b' } } } },
      Code.InvalidArgument,
      'spec.placement.selector.match_labels["gpu"]',
      /"a b" is not a label value/,
    ],
    [
      'an unknown node',
      { ...good, placement: { nodes: ['alpha', 'atlantis'] } },
      Code.NotFound,
      'spec.placement.nodes[1]',
      /there is no node "atlantis"; list them with/,
    ],
    [
      'every node of none',
      { ...good, placement: { count: { case: 'everyNode', value: {} }, selector: { matchLabels: { no: 'such' } } } },
      Code.FailedPrecondition,
      'spec.placement',
      /no enrolled node matches/,
    ],
    [
      'what this version can not do',
      { ...good, runAs: 'nobody' },
      Code.Unimplemented,
      'spec.run_as',
      /not possible in this version/,
    ],
  ])('is refused with the field and what to do: %s', async (_what, spec, code, field, sentence) => {
    const error = await refusal(cluster.jobs.submitJob(spec === undefined ? {} : { spec }));
    expect(error.code).toBe(code);
    expect(error.rawMessage.startsWith(`${field}: `)).toBe(true);
    expect(error.rawMessage).toMatch(sentence);
  });

  it('is told all that is wrong at once', async () => {
    const spec = { ...process_(), workingDirectory: 'x', timeouts: { run: durationFromMs(0) } };
    const error = await refusal(cluster.jobs.submitJob({ spec }));
    expect(error.code).toBe(Code.InvalidArgument);
    for (const field of ['spec.workload.process.argv: ', 'spec.working_directory: ', 'spec.timeouts.run: ']) {
      expect(error.rawMessage).toContain(field);
    }
  });
});

describe('an interpreter that nobody has', () => {
  it('keeps a job for any node waiting, and the job says why', async () => {
    const { job } = await cluster.jobs.submitJob({ spec: script('x', 'befunge98') });
    const jobId = job?.id ?? '';
    const task = await eventually(async () => {
      const [first] = (await cluster.jobs.getJob({ jobId })).job?.tasks ?? [];
      return first?.message === '' ? undefined : first;
    });
    expect(task.state).toBe(TaskState.QUEUED);
    expect(task.message).toMatch(/no node can take it: 1 lacks interpreter befunge98/);
    await cluster.jobs.cancelJob({ jobId });
  });

  it.each<[string, SpecInit]>([
    ['every node', { ...script('x', 'befunge98'), placement: { count: { case: 'everyNode', value: {} } } }],
    ['an interpreter by its path', script('x', '/no/such/befunge98')],
  ])('ends as no_interpreter on the node that was asked for: %s', async (_what, spec) => {
    const { job } = await cluster.jobs.submitJob({ spec, wait: durationFromMs(30_000) });
    const outcome = job?.tasks[0]?.attempts[0]?.outcome?.outcome;
    const notRun = outcome?.case === 'notRun' ? outcome.value : undefined;
    expect(notRun?.reason).toBe(NotRunReason.NO_INTERPRETER);
    expect(notRun?.message).toContain('befunge98');
  });
});

describe('requests that are not as they must be', () => {
  it('a request_id used again with another body is refused, with the same body it is the same job', async () => {
    const requestId = 'nightly-1';
    const first = await cluster.jobs.submitJob({ requestId, spec: good });
    const again = await cluster.jobs.submitJob({ requestId, spec: good });
    expect(again.job?.id).toBe(first.job?.id);
    const error = await refusal(cluster.jobs.submitJob({ requestId, spec: process_('false') }));
    expect(error.code).toBe(Code.AlreadyExists);
    expect(error.rawMessage).toMatch(/^request_id: was used before with another spec; use a new one/);
  });

  it.each<[string, () => Promise<unknown>, Code, RegExp]>([
    [
      'a request_id with a space',
      () => cluster.jobs.submitJob({ requestId: 'a b', spec: good }),
      Code.InvalidArgument,
      /^request_id: must be 1 to 128 printable/,
    ],
    [
      'a negative wait',
      () => cluster.jobs.submitJob({ spec: good, wait: durationFromMs(-1) }),
      Code.InvalidArgument,
      /^wait: must be 0 to 60 s/,
    ],
    ['a job id that is none', () => cluster.jobs.getJob({ jobId: '../x' }), Code.InvalidArgument, /^job_id: /],
    [
      'an unknown job',
      () => cluster.jobs.getJob({ jobId: NO_SUCH_ID }),
      Code.NotFound,
      /^job_id: there is no job 01arz/,
    ],
    ['cancelling an unknown job', () => cluster.jobs.cancelJob({ jobId: NO_SUCH_ID }), Code.NotFound, /^job_id: /],
    ['the log of an unknown job', () => readAll({ jobId: NO_SUCH_ID }), Code.NotFound, /^job_id: /],
    [
      'an unknown node',
      () => cluster.nodes.getNode({ node: 'atlantis' }),
      Code.NotFound,
      /^node: there is no node "atlantis"; list them with/,
    ],
    ['no node', () => cluster.nodes.cordonNode({}), Code.InvalidArgument, /^node: missing; give the id or name/],
    [
      'a label key that is none',
      () => cluster.nodes.updateNodeLabels({ node: 'alpha', set: { '-x': 'y' } }),
      Code.InvalidArgument,
      /^set: "-x" is not a label key/,
    ],
    [
      'a label value that is none',
      () => cluster.nodes.updateNodeLabels({ node: 'alpha', set: { x: 'ä' } }),
      Code.InvalidArgument,
      /^set\["x"\]: "ä" is not a label value/,
    ],
    [
      'a selector that is none',
      () => cluster.jobs.listJobs({ selector: { matchLabels: { 'A B': 'c' } } }),
      Code.InvalidArgument,
      /^selector\.match_labels: /,
    ],
    [
      'a state that does not exist',
      () => cluster.jobs.listJobs({ states: [Number('99')] }),
      Code.InvalidArgument,
      /^states: /,
    ],
    [
      'a join token for no time at all',
      () => cluster.access.createJoinToken({ timeToLive: durationFromMs(0) }),
      Code.InvalidArgument,
      /^time_to_live: /,
    ],
  ])('%s', async (_what, call, code, sentence) => {
    const error = await refusal(call());
    expect(error.code).toBe(code);
    expect(error.rawMessage).toMatch(sentence);
  });

  it('the log of a task and of an attempt that the job has not is NOT_FOUND, and a position at the end has nothing more', async () => {
    const { job } = await cluster.jobs.submitJob({ spec: process_('echo', 'x'), wait: durationFromMs(30_000) });
    const jobId = job?.id ?? '';
    const noTask = await refusal(readAll({ jobId, taskIndex: 7 }));
    expect([noTask.code, noTask.rawMessage]).toEqual([Code.NotFound, expect.stringMatching(/^task_index: /)]);
    const noAttempt = await refusal(readAll({ jobId, attemptNumber: 9 }));
    expect([noAttempt.code, noAttempt.rawMessage]).toEqual([Code.NotFound, expect.stringMatching(/^attempt_number: /)]);
    const attemptId = job?.tasks[0]?.attempts[0]?.id ?? '';
    for (const [offsetBytes, text] of [
      [0n, 'x\n'],
      [1n, '\n'],
      [2n, ''],
    ] as const) {
      expect(
        await readAll({ jobId, follow: true, positions: [{ attemptId, stream: OutputStream.STDOUT, offsetBytes }] }),
      ).toBe(text);
    }
  });

  it('a log position beyond every file, or beyond every number, ends in a status or an end and never hangs', async () => {
    const { job } = await cluster.jobs.submitJob({ spec: process_('echo', 'x'), wait: durationFromMs(30_000) });
    const jobId = job?.id ?? '';
    const attemptId = job?.tasks[0]?.attempts[0]?.id ?? '';
    for (const offsetBytes of [3n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      const read = readAll({ jobId, positions: [{ attemptId, stream: OutputStream.STDOUT, offsetBytes }] });
      const seen = await read.catch((thrown: unknown) => ConnectError.from(thrown).code);
      expect(['', Code.InvalidArgument, Code.OutOfRange]).toContain(seen);
    }
  });

  it('page tokens that are forged, cut, or of another list are refused', async () => {
    for (let index = 0; index < 3; index += 1) await cluster.jobs.submitJob({ spec: good });
    const { nextPageToken } = await cluster.jobs.listJobs({ pageSize: 1 });
    expect(nextPageToken).not.toBe('');
    await cluster.jobs.listJobs({ pageSize: 1, pageToken: nextPageToken });
    const forged = Buffer.alloc(42, 7).toString('base64url');
    const texts = [forged, 'x', nextPageToken.slice(0, -2), `${nextPageToken}AA`, 'ü'.repeat(5_000)];
    const calls = [
      ...texts.map((pageToken) => () => cluster.jobs.listJobs({ pageSize: 1, pageToken })),
      ...texts.map((pageToken) => () => cluster.nodes.listNodes({ pageSize: 1, pageToken })),
      ...texts.map((pageToken) => () => cluster.access.listJoinTokens({ pageSize: 1, pageToken })),
      () => cluster.nodes.listNodes({ pageToken: nextPageToken }),
      () => cluster.jobs.listJobs({ pageToken: nextPageToken, selector: { matchLabels: { a: 'b' } } }),
    ];
    for (const call of calls) {
      const error = await refusal(call());
      expect(error.code).toBe(Code.InvalidArgument);
      expect(error.rawMessage).toMatch(/^page_token: is not from a list with these conditions; begin again without it/);
    }
  });

  it('a frame over 4 MiB is refused with RESOURCE_EXHAUSTED', async () => {
    const error = await refusal(cluster.jobs.submitJob({ requestId: 'x'.repeat(5 * 1024 * 1024), spec: good }));
    expect(error.code).toBe(Code.ResourceExhausted);
  });
});

describe('a caller without the right key', () => {
  it.each<[string, string | undefined]>([
    ['none', undefined],
    ['an empty one', ''],
    ['one that is no key', 'muster'],
    ['a key of another orchestrator', `muster_${NO_SUCH_ID}_${'a'.repeat(43)}`],
    ['a header of 8 KiB', 'x'.repeat(8 * 1024)],
  ])('is told so with one text: %s', async (_what, key) => {
    const error = await refusal(jobsWithKey(key).listJobs({}));
    expect(error.code).toBe(Code.Unauthenticated);
    expect(error.rawMessage).toMatch(/key/);
    expect(error.rawMessage).toBe((await refusal(jobsWithKey('other').listJobs({}))).rawMessage);
  });

  it('is told which role is missing where the key is right and its role is not', async () => {
    const { key } = await cluster.access.createApiKey({ name: 'reader', role: Role.VIEWER });
    const error = await refusal(jobsWithKey(key).submitJob({ spec: good }));
    expect(error.code).toBe(Code.PermissionDenied);
    expect(error.rawMessage).toMatch(/role viewer may not call .*SubmitJob, it needs operator/);
  });
});

it('after all of that a job still goes to the node and back', async () => {
  const { job } = await cluster.jobs.submitJob({ spec: process_('echo', 'fine'), wait: durationFromMs(30_000) });
  expect(await readAll({ jobId: job?.id ?? '', follow: true })).toBe('fine\n');
});

/** The text of a log, both streams together. */
async function readAll(request: Parameters<RealCluster['jobs']['readLogs']>[0]): Promise<string> {
  let text = '';
  for await (const { event } of cluster.jobs.readLogs(request)) {
    if (event.case === 'data') text += Buffer.from(event.value.data).toString('utf8');
  }
  return text;
}

function jobsWithKey(key: string | undefined) {
  const withKey: Interceptor = (next) => (request) => {
    if (key !== undefined) request.header.set('authorization', `Bearer ${key}`);
    return next(request);
  };
  const transport = createGrpcTransport({
    baseUrl: cluster.endpoints.control_url,
    interceptors: [withKey],
    nodeOptions: { ca: readFileSync(cluster.endpoints.ca_file) },
  });
  return createClient(JobService, transport);
}
