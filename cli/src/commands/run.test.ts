import { afterEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/common/errors/app-error';
import type { ReadLogsRequest, SubmitJobRequest } from '@muster/gen/muster/control/v1/job_service_pb';
import { JobState, OutputStream, TaskEndReason, TaskState } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { ManualClock } from '@muster/testing/manual-clock';
import { type FakeControlDoor, fakeControlDoor } from '../client/fake-control-door.fixture.ts';
import { type FakeContext, type FakeContextOptions, fakeContext } from '../program/fake-context.fixture.ts';
import { runProgram } from '../program/run-program.ts';
import { QUIET_OUTPUT_MS } from '../run/follow-job.ts';
import {
  data,
  end,
  ending,
  exited,
  forever,
  JOB_ID,
  type JobImpl,
  job,
  type LogEvent,
  logEvent,
  source,
  type TaskInit,
  task,
} from './fake-jobs.fixture.ts';

const doors: FakeControlDoor[] = [];

afterEach(async () => {
  for (const door of doors.splice(0)) await door[Symbol.asyncDispose]();
});

async function setUp(
  jobs: JobImpl,
  options?: FakeContextOptions,
): Promise<{ door: FakeControlDoor; context: FakeContext }> {
  const door = await fakeControlDoor({ jobs });
  doors.push(door);
  return { door, context: fakeContext(door, options) };
}

function submitted(requests: SubmitJobRequest[], impl: JobImpl): JobImpl {
  const { submitJob } = impl;
  return {
    ...impl,
    submitJob: (request, context) => {
      requests.push(request);
      if (submitJob === undefined) throw new Error('no submitJob');
      return submitJob(request, context);
    },
  };
}

describe('muster run with one task', () => {
  it("passes both streams through byte by byte and exits with the program's code", async () => {
    const bytes = Uint8Array.from([0, 255, 0x1b, 0x5b, 0x32, 0x4a, 10]);
    const events = [data(bytes), data('err\n', 0, OutputStream.STDERR), end()];
    const { context } = await setUp(ending([exited(3)], events, JobState.FAILED));
    expect(await runProgram(['run', '--', 'sh', '-c', 'exit 3'], context)).toBe(3);
    expect([...context.stdout.bytes]).toEqual([...bytes]);
    expect(context.stderr.text).toBe('err\n');
  });

  it('neutralises control sequences on a terminal, and not with --raw', async () => {
    const impl = ending([exited(0)], [data('a\x1b[31mb\x1b'), data('[2Jc', 8), end()]);
    const { context, door } = await setUp(impl, { isTerminal: true });
    expect(await runProgram(['run', '--', 'x'], context)).toBe(0);
    expect(context.stdout.text).toBe('a\x1b[31mb^[[2Jc\x1b[0m');
    const raw = fakeContext(door, { isTerminal: true });
    await runProgram(['run', '--raw', '--', 'x'], raw);
    expect(raw.stdout.text).toBe('a\x1b[31mb\x1b[2Jc');
  });

  it('sends the words after -- and everything after the program unread', async () => {
    const requests: SubmitJobRequest[] = [];
    const { context, door } = await setUp(submitted(requests, ending([exited(0)], [end()])));
    await runProgram(['run', '--label', 'a=b', '--env', 'X=1=2', '--timeout', '90s', '--', 'ls', '--all'], context);
    await runProgram(['run', '--node', 'n1', 'ls', '-f', '--detach'], fakeContext(door));
    const [first, second] = requests.map((request) => request.spec);
    expect(first?.workload?.kind).toMatchObject({ case: 'process', value: { argv: ['ls', '--all'] } });
    expect(first?.placement).toMatchObject({ count: { case: 'any' }, selector: { matchLabels: { a: 'b' } } });
    expect(first?.env).toEqual({ X: '1=2' });
    expect(first?.timeouts?.run?.seconds).toBe(90n);
    expect(second?.workload?.kind).toMatchObject({ value: { argv: ['ls', '-f', '--detach'] } });
    expect(second?.placement?.nodes).toEqual(['n1']);
  });

  it('runs on each of several named nodes, and on every node with --all', async () => {
    const requests: SubmitJobRequest[] = [];
    const { context, door } = await setUp(submitted(requests, ending([exited(0)], [end()])));
    await runProgram(['run', '--node', 'a', '--node', 'b', '--', 'x'], context);
    await runProgram(['run', '--all', '--', 'x'], fakeContext(door));
    expect(requests.map((each) => each.spec?.placement?.count.case)).toEqual(['everyNode', 'everyNode']);
  });

  it('sends standard input', async () => {
    const requests: SubmitJobRequest[] = [];
    const { context } = await setUp(submitted(requests, ending([exited(0)], [end()])), { stdin: 'hello' });
    await runProgram(['run', '--stdin', '-', '--', 'cat'], context);
    expect(Buffer.from(requests[0]?.spec?.stdin ?? []).toString()).toBe('hello');
  });

  it('prints the id and returns with --detach', async () => {
    const { context } = await setUp(ending([exited(0)], []));
    expect(await runProgram(['run', '-d', '--', 'x'], context)).toBe(0);
    expect(context.stdout.text).toBe(`${JOB_ID}\n`);
  });

  it('prints the job that has ended with -o json, and not its output', async () => {
    const { context } = await setUp(ending([exited(3)], [data('out'), end()], JobState.FAILED));
    expect(await runProgram(['run', '-o', 'json', '--', 'x'], context)).toBe(3);
    const printed: unknown = JSON.parse(context.stdout.text);
    expect(printed).toMatchObject({ id: JOB_ID, state: 'JOB_STATE_FAILED' });
  });

  it('names output that is gone', async () => {
    const missing: LogEvent = {
      case: 'missing',
      value: { source: source('web-1', 0), stream: OutputStream.STDOUT, offsetBytes: 3n, lengthBytes: 7n, reason: 1 },
    };
    const { context } = await setUp(
      ending([exited(0)], [data('abc'), missing, data('def', 10), end('web-1', 0, 'spool lost')]),
    );
    expect(await runProgram(['run', '--', 'x'], context)).toBe(0);
    expect(context.stdout.text).toBe('abcdef');
    expect(context.stderr.text).toContain('7 bytes of stdout of task 0 on web-1 are gone, from byte 3 on (spool_full)');
    expect(context.stderr.text).toContain('output of task 0 on web-1 is not complete: spool lost');
  });

  it('returns and names what has not arrived when the output stands still after the result', async () => {
    const clock = new ManualClock();
    const streams = [{ run: 1, stream: OutputStream.STDOUT, storedBytes: 3n, producedBytes: 10n }];
    const attempts = [{ id: 'attempt-0', nodeName: 'web-1', streams }];
    const { context } = await setUp(
      {
        ...ending([{ index: 0, state: TaskState.SUCCEEDED, attempts }], []),
        async *readLogs() {
          yield logEvent(data('abc'));
          await forever();
        },
      },
      { clock },
    );
    const running = runProgram(['run', '--', 'x'], context);
    await eventually(() => context.stdout.text === 'abc' && clock.waiting === 1);
    // The first wait may have begun before the output came: then it moved, and is waited for once more.
    await clock.advance(QUIET_OUTPUT_MS);
    const again = clock.waitUntilSleepers(1).then(() => clock.advance(QUIET_OUTPUT_MS));
    await Promise.race([running, again]);
    expect(await running).toBe(0);
    expect(context.stderr.text).toContain('7 bytes of stdout of task 0 on web-1 have not arrived');
    // Lets the second wait end where it was not needed.
    using _timer = clock.schedule(0, () => {});
    await again;
  });

  it('waits for a reader of its output that stands still, and leaves nothing out', async () => {
    const clock = new ManualClock();
    const { context } = await setUp(ending([exited(0)], [data('abc'), data('def', 3), end()]), { clock });
    const reading = Promise.withResolvers<void>();
    context.stdout.standstill = reading.promise;
    const running = runProgram(['run', '--', 'x'], context);
    await eventually(() => context.stdout.text === 'abc' && clock.waiting === 1);
    for (let time = 0; time < 3; time += 1) {
      await clock.advance(QUIET_OUTPUT_MS);
      await clock.waitUntilSleepers(1);
    }
    context.stdout.standstill = undefined;
    reading.resolve();
    expect(await running).toBe(0);
    expect(context.stdout.text).toBe('abcdef');
    expect(context.stderr.text).toBe('');
  });

  it('ends quietly when nobody reads its output any more', async () => {
    const { context } = await setUp(ending([exited(0)], [data('x'), end()]));
    context.stdout.isClosed = true;
    expect(await runProgram(['run', '--', 'x'], context)).toBe(141);
    expect(context.stderr.text).toBe('');
  });
});

describe('muster run with several tasks', () => {
  it('puts the node before each line, never mixes lines, and exits with the largest code', async () => {
    const events = [
      data('one\ntw', 0, OutputStream.STDOUT, 'web-1', 0),
      data('eins\n', 0, OutputStream.STDOUT, 'db', 1),
      data('o\nlast', 6, OutputStream.STDOUT, 'web-1', 0),
      data('oops\n', 0, OutputStream.STDERR, 'db', 1),
      end('web-1', 0),
      end('db', 1),
    ];
    const { context } = await setUp(ending([exited(0, 'web-1', 0), exited(7, 'db', 1)], events, JobState.FAILED));
    expect(await runProgram(['run', '--all', '--', 'x'], context)).toBe(7);
    expect(context.stdout.text).toBe('web-1 | one\ndb    | eins\nweb-1 | two\nweb-1 | last\n');
    expect(context.stderr.text).toBe('db    | oops\nmuster: 1 of 2 tasks did not succeed:\nmuster:   db: exited(7)\n');
  });

  it('lists nodes that were skipped, and fails', async () => {
    const skipped: TaskInit = {
      index: 1,
      state: TaskState.FAILED,
      nodeName: 'db',
      endReason: TaskEndReason.SKIPPED_UNREACHABLE,
      message: 'out of contact',
    };
    const { context } = await setUp(ending([exited(0), skipped], [end()], JobState.FAILED));
    expect(await runProgram(['run', '--all', '--', 'x'], context)).toBe(125);
    expect(context.stderr.text).toContain('db: skipped_unreachable: out of contact');
  });
});

describe('muster run over a lost connection', () => {
  it('attaches again where it was, and no byte comes twice', async () => {
    const requests: ReadLogsRequest[] = [];
    let watches = 0;
    const { context, door } = await setUp({
      ...ending([exited(0)], []),
      async *watchJobs() {
        watches += 1;
        yield { job: job(JobState.RUNNING, [{ index: 0, nodeName: 'web-1' }]) };
        if (watches === 1) await forever();
        yield { job: job(JobState.SUCCEEDED, [exited(0)], 2n) };
      },
      async *readLogs(request) {
        requests.push(request);
        if (requests.length === 1) {
          yield logEvent(data('hello '));
          await eventually(() => context.stdout.text === 'hello ');
          door.dropConnections();
          await forever();
        }
        // One that begins before the position is cut, as a server may only know whole chunks.
        yield logEvent(data('lo world', 3));
        yield logEvent(end());
      },
    });
    expect(await runProgram(['run', '--', 'x'], context)).toBe(0);
    expect(context.stdout.text).toBe('hello world');
    expect(requests[1]?.positions).toMatchObject([{ attemptId: 'attempt-0', run: 1, offsetBytes: 6n }]);
    expect(context.stderr.text).toBe(
      'muster: lost the connection; the job is not affected, attaching again\nmuster: attached again\n',
    );
  });

  it('submits the same request again when the connection breaks before the answer', async () => {
    const requests: SubmitJobRequest[] = [];
    const impl = ending([exited(0)], [end()]);
    const { context, door } = await setUp({
      ...impl,
      submitJob: async (request) => {
        requests.push(request);
        if (requests.length === 1) {
          door.dropConnections();
          await forever();
        }
        return { job: job(JobState.QUEUED, [{ index: 0 }]) };
      },
    });
    expect(await runProgram(['run', '--', 'x'], context)).toBe(0);
    expect(requests).toHaveLength(2);
    expect(requests[0]?.requestId).toMatch(/^[0-9a-z]{26}$/);
    expect(requests[1]?.requestId).toBe(requests[0]?.requestId);
  });
});

describe('Ctrl-C during muster run', () => {
  /** A job that runs until it is cancelled; `stubborn`: it does not even end then. */
  function cancellable(cancels: string[], isStubborn: boolean): JobImpl {
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    const ended = task(
      {
        outcome: {
          case: 'ended',
          value: { how: { case: 'signaled', value: { number: 15, signal: 'SIGTERM' } }, stoppedBy: 1 },
        },
      },
      'web-1',
      0,
      false,
    );
    return {
      ...ending([exited(0)], []),
      async *watchJobs() {
        yield { job: job(JobState.RUNNING, [{ index: 0, nodeName: 'web-1' }]) };
        await (isStubborn ? forever() : cancelled);
        yield { job: job(JobState.CANCELLED, [{ ...ended, state: TaskState.CANCELLED }], 2n) };
      },
      async *readLogs() {
        yield logEvent(data('running\n'));
        await (isStubborn ? forever() : cancelled);
        yield logEvent(data('bye\n', 8));
        yield logEvent(end());
      },
      cancelJob: (request) => {
        cancels.push(request.jobId);
        resolve();
        return { job: job(JobState.RUNNING, []) };
      },
    };
  }

  async function untilRunning(context: FakeContext): Promise<void> {
    await eventually(() => context.stdout.text.includes('running'));
  }

  it('cancels once and waits for the end with all its output', async () => {
    const cancels: string[] = [];
    const { context } = await setUp(cancellable(cancels, false));
    const running = runProgram(['run', '--', 'x'], context);
    await untilRunning(context);
    context.interrupt();
    expect(await running).toBe(143);
    expect(cancels).toEqual([JOB_ID]);
    expect(context.stdout.text).toBe('running\nbye\n');
    expect(context.stderr.text).toContain('cancelling; Ctrl-C again leaves the job to itself');
    expect(context.stderr.text).toContain('web-1: signaled(SIGTERM), stopped by cancel');
  });

  it('leaves the job to itself the second time, and says how to see it', async () => {
    const cancels: string[] = [];
    const { context } = await setUp(cancellable(cancels, true));
    const running = runProgram(['run', '--', 'x'], context);
    await untilRunning(context);
    context.interrupt();
    await eventually(() => cancels.length > 0);
    context.interrupt();
    expect(await running).toBe(130);
    expect(cancels).toEqual([JOB_ID]);
    expect(context.stderr.text).toContain(`muster job get ${JOB_ID}`);
  });
});

describe('muster run that is refused', () => {
  it("exits with 125 and the orchestrator's reason", async () => {
    const { ConnectError, Code } = await import('@connectrpc/connect');
    const { context } = await setUp({
      submitJob: () => {
        throw new ConnectError('spec.placement.nodes[0]: no node "x"; `muster nodes` lists them', Code.NotFound);
      },
    });
    expect(await runProgram(['run', '--node', 'x', '--', 'y'], context)).toBe(125);
    expect(context.stderr.text).toBe('muster: spec.placement.nodes[0]: no node "x"; `muster nodes` lists them\n');
  });

  it.each([
    [['run'], 'nothing to run'],
    [['run', '--timeout', 'soon', '--', 'x'], '--timeout: "soon" is not a duration'],
    [['run', '--label', 'x', '--', 'x'], '--label: "x" is not key=value'],
    [['run', '--cwd', 'tmp', '--', 'x'], '--cwd: "tmp" is not an absolute path'],
    [['run', '--env', '=x', '--', 'x'], '--env: "=x" is not NAME=value'],
    [['run', '--interpreter', 'sh', '--', 'x'], '--interpreter is for scripts'],
    [['run', '--script', '/does/not/exist'], '--script: cannot read /does/not/exist: ENOENT'],
    [['run', '-o', 'xml', '--', 'x'], '-o: unknown format "xml"'],
    [['run', '--nonsense', '--', 'x'], "unknown option '--nonsense'"],
  ])('says what is wrong with %j and exits with 2', async (argv, expected) => {
    const { context } = await setUp({});
    expect(await runProgram(argv, context)).toBe(2);
    expect(context.stderr.text).toContain(`muster: ${expected}`);
    expect(context.stderr.text.trim().split('\n')).toHaveLength(1);
  });

  it('takes an AppError as it is', async () => {
    const { context } = await setUp({});
    const broken = { ...context, open: () => Promise.reject(new AppError('invalid_argument', 'no key is set')) };
    expect(await runProgram(['run', '--', 'x'], broken)).toBe(125);
    expect(context.stderr.text).toBe('muster: no key is set\n');
  });
});
