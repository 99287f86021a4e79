// Jobs and their output on real stores: attempts that a test lets print and end, and readers of it.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { AttemptId, NodeId } from '@muster/common/ids/ids';
import { ReadLogsRequestSchema, type ReadLogsResponse } from '@muster/gen/muster/control/v1/job_service_pb';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import {
  type DispatchWorld,
  dispatchWorld,
  exitedZero,
  RecordedSession,
  report,
} from '../dispatch/dispatch.fixture.ts';
import { settleLog } from '../dispatch/status-intake.ts';
import type { AttemptState, Job, OutputStreamName } from '../domain/job.ts';
import { intakeIn, NODE, sessionOf } from '../logs/log-world.fixture.ts';
import { type ReadLogsDeps, readLogs } from './read-logs.ts';

/** What a reader may ask. */
export type ReadInit = Extract<MessageInitShape<typeof ReadLogsRequestSchema>, { $typeName?: never }>;

/** The world of a reader. */
export interface LogReadingWorld extends AsyncDisposable {
  readonly work: DispatchWorld;
  readonly deps: ReadLogsDeps;
  /** A connected session of a node. */
  connect(nodeId: NodeId): Promise<RecordedSession>;
  /** Lets the newest offer of a session start; gives its attempt. */
  start(session: RecordedSession): Promise<AttemptId>;
  /** The attempt prints; durable when this returns. */
  print(attemptId: AttemptId, text: string, options?: PrintOptions): Promise<void>;
  /** The attempt's node reports its end, and its log settles. Default: exit code 0. */
  end(session: RecordedSession, attemptId: AttemptId, state?: AttemptState): Promise<void>;
  read(request: ReadInit, signal?: AbortSignal, deps?: ReadLogsDeps): AsyncGenerator<ReadLogsResponse, void, void>;
}

interface PrintOptions {
  readonly stream?: OutputStreamName;
  readonly observedAtMs?: number;
}

/** Opens one in a directory. */
export async function logReadingWorld(path: string): Promise<LogReadingWorld> {
  await using stack = new AsyncDisposableStack();
  const work = stack.use(await dispatchWorld(path));
  const logs = stack.use(await intakeIn(`${path}/logs`));
  const printer = sessionOf(NODE);
  const lengths = new Map<AttemptId, Record<OutputStreamName, number>>();
  const lengthsOf = (id: AttemptId) => {
    const known = lengths.get(id) ?? { stdout: 0, stderr: 0 };
    lengths.set(id, known);
    return known;
  };
  const deps: ReadLogsDeps = {
    store: work.store.jobs,
    feed: work.dispatch.feed,
    logs: { store: logs.store, logs: logs.intake.logs },
    nameOf: (id) => id.slice(-1),
  };
  const kept = stack.move();
  return {
    work,
    deps,
    async connect(nodeId) {
      const session = new RecordedSession(nodeId, { maxAttempts: 10_000 });
      await work.connect(session);
      return session;
    },
    async start(session) {
      const attemptId = session.offered;
      work.port.replied(session, attemptId, { kind: 'accepted' });
      await work.settle();
      return attemptId;
    },
    async print(attemptId, text, { stream = 'stdout', observedAtMs = 1_000 } = {}) {
      const known = lengthsOf(attemptId);
      const data = Buffer.from(text);
      const offsetBytes = known[stream];
      known[stream] += data.byteLength;
      await logs.intake.chunk(printer.session, { attemptId, run: 1, stream, offsetBytes, data, observedAtMs });
      await eventually(() =>
        printer.acks.some(
          (ack) => ack.attemptId === attemptId && ack.stream === stream && ack.nextOffsetBytes === known[stream],
        ),
      );
    },
    async end(session, attemptId, state = exitedZero) {
      const { stdout, stderr } = lengthsOf(attemptId);
      const streamLengths = [
        { run: 1, stream: 'stdout' as const, lengthBytes: stdout },
        { run: 1, stream: 'stderr' as const, lengthBytes: stderr },
      ].filter(() => state.kind === 'ended');
      await work.port.reported(session, { ...report(attemptId, session.nodeId, state), streamLengths });
      logs.intake.lengthsKnown(attemptId, streamLengths);
      const settled = await eventually(() => logs.settled.find((each) => each.attemptId === attemptId));
      await settleLog(work.dispatch, attemptId, settled.tallies);
      await work.settle();
    },
    read: (request, signal = new AbortController().signal, other = deps) =>
      readLogs(other, create(ReadLogsRequestSchema, request), signal),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Starts a job of one task. */
export async function startJob(
  world: LogReadingWorld,
  session: RecordedSession,
): Promise<{ job: Job; attemptId: AttemptId }> {
  const job = await world.work.submit();
  return { job, attemptId: await world.start(session) };
}

/** Events as short lines: `0.1 out@0 text`, `0.1 missing out@0+5`, `0.1 end complete`. */
export function lineOf({ event }: ReadLogsResponse): string {
  if (event.case === undefined) return 'nothing';
  const { source } = event.value;
  const who = `${source?.taskIndex}.${source?.attemptNumber}`;
  if (event.case === 'end') return `${who} end ${event.value.complete ? 'complete' : event.value.message}`;
  const name = event.value.stream === OutputStream.STDOUT ? 'out' : 'err';
  if (event.case === 'missing') return `${who} missing ${name}@${event.value.offsetBytes}+${event.value.lengthBytes}`;
  return `${who} ${name}@${event.value.offsetBytes} ${Buffer.from(event.value.data).toString()}`;
}

/** All that comes, as lines. */
export async function linesOf(events: AsyncIterable<ReadLogsResponse>): Promise<string[]> {
  const lines: string[] = [];
  for await (const event of events) lines.push(lineOf(event));
  return lines;
}
