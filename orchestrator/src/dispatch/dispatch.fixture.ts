// Dispatch on a real store in a directory of its own, with nodes and sessions that a test moves by hand.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { AppError } from '@muster/common/errors/app-error';
import {
  type AttemptId,
  asAttemptId,
  asJobId,
  asLedgerId,
  asNodeId,
  asProcessId,
  asSessionId,
  makeIds,
  type NodeId,
} from '@muster/common/ids/ids';
import { Wakeup } from '@muster/common/queue/signal-flag';
import { seededRandom } from '@muster/common/random/random';
import { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { ManualClock } from '@muster/testing/manual-clock';
import type { Job, StreamTally } from '../domain/job.ts';
import { JobFeed } from '../jobs/job-feed.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { AgentSession, AssignmentChange, HeldAttempt, HelloReport, WorkPort } from '../sessions/session-ports.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { AttemptBook } from './attempt-book.ts';
import type { Dispatch, NodeFacts } from './dispatch-state.ts';
import { enqueueJob } from './enqueue.ts';
import { loadWork } from './load-work.ts';
import { Offers } from './offers.ts';
import { placeWaiting } from './place-waiting.ts';
import { WaitingQueue } from './waiting-queue.ts';
import { makeWorkPort } from './work-port.ts';

/** A session that writes down what it was told. */
export class RecordedSession implements AgentSession {
  readonly id = asSessionId('0'.repeat(26));
  readonly nodeName: string;
  readonly processId = asProcessId('0'.repeat(26));
  readonly address = '127.0.0.1:1';
  readonly maxAttempts: number;
  readonly nodeId: NodeId;
  readonly ledgerId;
  readonly bootId: string;
  readonly changes: AssignmentChange[] = [];
  readonly acked: string[] = [];
  readonly forgotten: AttemptId[] = [];
  ended = false;
  heardAtMs = 0;

  constructor(nodeId: NodeId, options: { ledger?: string; boot?: string; maxAttempts?: number } = {}) {
    this.nodeId = nodeId;
    this.nodeName = nodeId.slice(-1);
    this.ledgerId = asLedgerId((options.ledger ?? '1').repeat(26));
    this.bootId = options.boot ?? 'boot-1';
    this.maxAttempts = options.maxAttempts ?? 128;
  }

  assign(change: AssignmentChange): void {
    if (!this.ended) this.changes.push(change);
  }
  ackStatus(attemptId: AttemptId, state: string): void {
    this.acked.push(`${attemptId} ${state}`);
  }
  forget(ids: readonly AttemptId[]): void {
    this.forgotten.push(...ids);
  }
  ackLog(): void {}
  end(): void {
    this.ended = true;
  }

  /** Kinds of what it was told, in order. */
  get told(): string[] {
    return this.changes.map((each) => each.kind);
  }

  /** The newest offer. */
  get offered(): AttemptId {
    const offer = this.changes.findLast((each) => each.kind === 'offer');
    if (offer?.kind !== 'offer') throw new Error('nothing was offered');
    return offer.assignment.attemptId;
  }
}

/** The world around dispatch. */
export interface DispatchWorld extends AsyncDisposable {
  readonly dispatch: Dispatch;
  readonly port: WorkPort;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly settledLogs: Map<AttemptId, unknown>;
  /** Nodes out of contact. */
  readonly silent: Set<NodeId>;
  /** Nodes gone for good. */
  readonly gone: Map<NodeId, 'removed' | 'replaced'>;
  /** Methods of the store that fail, as on a full disk. */
  readonly failing: Set<keyof JobStore>;
  /** Submits a job and places it. */
  submit(
    spec?: Extract<MessageInitShape<typeof JobSpecSchema>, { $typeName?: never }>,
    tasks?: readonly NodeId[],
  ): Promise<Job>;
  /** Says hello and, unless told otherwise, becomes established. */
  connect(session: RecordedSession, held?: readonly HeldAttempt[]): ReturnType<WorkPort['opened']>;
  /** Lets everything under way finish, and places what waits. */
  settle(): Promise<void>;
  job(id: Job['id']): Promise<Job>;
}

export const nodeA = asNodeId(`${'0'.repeat(25)}a`);
export const nodeB = asNodeId(`${'0'.repeat(25)}b`);

function factsOf(id: NodeId): NodeFacts {
  const name = id.slice(-1);
  return {
    id,
    name,
    cordoned: false,
    quarantined: false,
    labels: { name },
    interpreters: new Set(['sh']),
    drivers: new Set(['process', 'script']),
  };
}

/** Opens a world in a directory. Opening the same directory again is a restart of the orchestrator. */
export async function dispatchWorld(directory: string): Promise<DispatchWorld> {
  const clock = new ManualClock();
  const ids = makeIds(clock, seededRandom(directory.length));
  const store = await openStore({ dataDirectory: directory, clock, ids });
  const pending = new Set<Promise<unknown>>();
  const settledLogs = new Map<AttemptId, unknown>();
  const foreign = new Map<NodeId, readonly AttemptId[]>();
  const silent = new Set<NodeId>();
  const gone = new Map<NodeId, 'removed' | 'replaced'>();
  const failing = new Set<keyof JobStore>();
  const facts = new Map([nodeA, nodeB].map((id) => [id, factsOf(id)]));
  const dispatch: Dispatch = {
    queue: new WaitingQueue(),
    offers: new Offers(),
    book: new AttemptBook(),
    sessions: new Map(),
    unresponsive: new Map(),
    lastUsed: new Map(),
    wakeup: new Wakeup(),
    store: failingWhere(store.jobs, failing),
    nodes: {
      all: () => facts.values(),
      get: (id) => facts.get(id),
      endOf: (id) => gone.get(id),
      outOfContact: (id) => silent.has(id),
      setForeign: (id, attempts) => foreign.set(id, attempts),
    },
    logs: {
      lengthsKnown: (id, lengths) => settledLogs.set(id, lengths),
      endLog: (id) => settledLogs.set(id, 'ended'),
      positions: async () => [],
    },
    feed: new JobFeed(),
    clock,
    ids,
    logger: captureLogs().logger,
    background: (_what, work) => {
      const done = work.catch(() => undefined).finally(() => pending.delete(done));
      pending.add(done);
    },
  };
  await loadWork(dispatch);
  const port = makeWorkPort(dispatch);
  const settle = async () => {
    placeWaiting(dispatch);
    while (pending.size > 0) await Promise.all(pending);
    placeWaiting(dispatch);
  };
  return {
    dispatch,
    port,
    store,
    clock,
    settledLogs,
    silent,
    gone,
    failing,
    settle,
    async submit(spec = {}, tasks) {
      const full = create(JobSpecSchema, {
        workload: { kind: { case: 'process', value: { argv: ['true'] } } },
        ...spec,
      });
      const result = await store.jobs.submit({
        id: asJobId(ids.next()),
        spec: full,
        specDigest: 'x',
        submittedBy: 'test',
        submittedAtMs: clock.nowMs(),
        tasks: tasks === undefined ? [{ kind: 'queued' }] : tasks.map((nodeId) => ({ kind: 'queued', nodeId })),
      });
      if (result.kind !== 'stored') throw new Error(`not stored: ${result.kind}`);
      enqueueJob(dispatch, result.job);
      await settle();
      return result.job;
    },
    async connect(session, held = []) {
      const result = await port.opened(session, helloOf(held));
      port.established(session);
      await settle();
      return result;
    },
    async job(id) {
      const job = await store.jobs.get(id);
      if (job === undefined) throw new Error(`no job ${id}`);
      return job;
    },
    [Symbol.asyncDispose]: async () => {
      await settle();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** An end with exit code 0. */
export const exitedZero = {
  kind: 'ended',
  how: { kind: 'exited', code: 0 },
  signalsSent: [],
  pid: 7,
  startedAtMs: 1,
  endedAtMs: 2,
} as const;

/** Reports a state for a node's attempt. */
export function report(attemptId: AttemptId, nodeId: NodeId, state: Parameters<WorkPort['reported']>[1]['state']) {
  return { attemptId, nodeId, state, streamLengths: [], atMs: 3 };
}

/** An attempt that nobody knows. */
export const strangeAttempt = asAttemptId('7'.repeat(26));

/** Nothing to store in full. */
export const noTallies: readonly StreamTally[] = [];

/** The store, of which the methods named in `failing` reject. */
function failingWhere(jobs: JobStore, failing: ReadonlySet<keyof JobStore>): JobStore {
  const full = () => Promise.reject(new AppError('resource_exhausted', 'the disk is full'));
  return {
    ...jobs,
    endQueuedTask: (...given) => (failing.has('endQueuedTask') ? full() : jobs.endQueuedTask(...given)),
    failQueuedTask: (...given) => (failing.has('failQueuedTask') ? full() : jobs.failQueuedTask(...given)),
    allowStart: (...given) => (failing.has('allowStart') ? full() : jobs.allowStart(...given)),
    completeLog: (...given) => (failing.has('completeLog') ? full() : jobs.completeLog(...given)),
  };
}

function helloOf(held: readonly HeldAttempt[]): HelloReport {
  return {
    highestStoreEpoch: 0,
    machineIdHash: '',
    agentVersion: '0',
    labels: {},
    fingerprint: create(FingerprintSchema),
    held,
  };
}
