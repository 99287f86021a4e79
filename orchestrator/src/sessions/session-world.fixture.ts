/** An agent door on a real socket with ports that record: what the tests of the protocol stand on. */
import { create } from '@bufbuild/protobuf';
import { type Clock, systemClock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';
import { type AttemptId, asAttemptId, asJobId, asNodeId, makeIds, type NodeId } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { fingerprintOfPem } from '@muster/common/tls/fingerprint';
import { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { type TestCa, type TestCertificate, testCa } from '@muster/testing/test-pki';
import type { NodeRecord } from '../domain/node.ts';
import type { StatusReport } from '../jobs/job-store.ts';
import { type AgentDoor, openAgentDoor } from './agent-door.ts';
import { NodeDirectory } from './node-directory.ts';
import type { NodeStore } from './node-store.ts';
import type {
  AgentSession,
  Assignment,
  HelloReport,
  IncomingChunk,
  IncomingGap,
  LogPort,
  OfferReply,
  Reconciliation,
  WorkPort,
} from './session-ports.ts';
import { SessionRegistry } from './session-registry.ts';

/** Ids that tests may write down. */
export const testIds = makeIds(systemClock, systemRandom);

/** A node's record as it is right after enrolment. */
export function newRecord(id: NodeId, name: string): NodeRecord {
  return {
    id,
    name,
    userLabels: {},
    enrolledLabels: {},
    agentLabels: {},
    machineIdHash: 'ab',
    cordoned: false,
    enrolledAtMs: 0,
    certificateIssuedAtMs: 0,
    certificateExpiresAtMs: 4_000_000_000_000,
  };
}

/** A node store in memory. */
export class MemoryNodeStore implements NodeStore {
  readonly records = new Map<NodeId, NodeRecord>();
  readonly certificates = new Map<string, NodeId>();
  readonly contacts: { nodeId: NodeId; atMs: number }[] = [];
  fingerprintWrites = 0;

  nodeByCertificate(sha256: string): Promise<NodeRecord | undefined> {
    const id = this.certificates.get(sha256);
    return Promise.resolve(id === undefined ? undefined : this.records.get(id));
  }

  find(idOrName: string): Promise<NodeRecord | undefined> {
    const found = [...this.records.values()].find((record) => record.id === idOrName || record.name === idOrName);
    return Promise.resolve(found);
  }

  all(): Promise<readonly NodeRecord[]> {
    return Promise.resolve([...this.records.values()]);
  }

  recordHello(facts: Parameters<NodeStore['recordHello']>[0]): ReturnType<NodeStore['recordHello']> {
    const { nodeId, ledgerId, bootId, agentVersion, agentLabels, fingerprint } = facts;
    const known = this.records.get(nodeId);
    if (known === undefined) return Promise.reject(new AppError('not_found', 'no such node'));
    const node = { ...known, ledgerId, bootId, agentVersion, agentLabels, fingerprint };
    this.records.set(nodeId, node);
    return Promise.resolve({ node, previous: {} });
  }

  recordFingerprint(
    nodeId: NodeId,
    fingerprint: NonNullable<NodeRecord['fingerprint']>,
  ): Promise<NodeRecord | undefined> {
    this.fingerprintWrites += 1;
    return this.#patch(nodeId, { fingerprint });
  }

  recordContacts(contacts: readonly { readonly nodeId: NodeId; readonly atMs: number }[]): Promise<void> {
    this.contacts.push(...contacts);
    return Promise.resolve();
  }

  updateUserLabels(nodeId: NodeId, set: Readonly<Record<string, string>>): Promise<NodeRecord | undefined> {
    return this.#patch(nodeId, { userLabels: set });
  }

  setCordoned(nodeId: NodeId, cordoned: boolean): Promise<NodeRecord | undefined> {
    return this.#patch(nodeId, { cordoned });
  }

  setQuarantine(nodeId: NodeId, reason: string | undefined): Promise<NodeRecord | undefined> {
    const known = this.records.get(nodeId);
    if (known === undefined) return Promise.resolve(undefined);
    const { quarantineReason: _old, ...rest } = known;
    const record = reason === undefined ? rest : { ...rest, quarantineReason: reason };
    this.records.set(nodeId, record);
    return Promise.resolve(record);
  }

  #patch(nodeId: NodeId, part: Partial<NodeRecord>): Promise<NodeRecord | undefined> {
    const known = this.records.get(nodeId);
    if (known === undefined) return Promise.resolve(undefined);
    const record = { ...known, ...part };
    this.records.set(nodeId, record);
    return Promise.resolve(record);
  }
}

/** Work and logs that record what they are told, and answer as a test says. */
export class RecordingPorts implements WorkPort, LogPort {
  readonly opens: { session: AgentSession; hello: HelloReport }[] = [];
  readonly sessions: AgentSession[] = [];
  readonly closes: AgentSession[] = [];
  readonly replies: { attemptId: AttemptId; reply: OfferReply }[] = [];
  readonly reports: StatusReport[] = [];
  readonly chunks: IncomingChunk[] = [];
  readonly gaps: IncomingGap[] = [];
  /** Attempts of another node, or of none. */
  readonly strangers = new Set<AttemptId>();
  reconciliation: Reconciliation = { verdicts: [], complete: [] };
  /** Runs before `opened` answers. */
  whileOpening: (session: AgentSession) => Promise<void> = () => Promise.resolve();
  /** Runs before a status is durable. */
  whileStoring: (report: StatusReport) => Promise<void> = () => Promise.resolve();

  async opened(session: AgentSession, hello: HelloReport): Promise<Reconciliation> {
    this.opens.push({ session, hello });
    await this.whileOpening(session);
    return this.reconciliation;
  }

  established(session: AgentSession): void {
    this.sessions.push(session);
  }

  replied(_session: AgentSession, attemptId: AttemptId, reply: OfferReply): void {
    this.replies.push({ attemptId, reply });
  }

  async reported(session: AgentSession, report: StatusReport): Promise<'taken' | 'unknown'> {
    if (this.strangers.has(report.attemptId)) return 'unknown';
    await this.whileStoring(report);
    this.reports.push(report);
    session.ackStatus(report.attemptId, report.state.kind);
    return 'taken';
  }

  closed(session: AgentSession): void {
    this.closes.push(session);
  }

  chunk(_session: AgentSession, chunk: IncomingChunk): Promise<'taken' | 'unknown'> {
    if (this.strangers.has(chunk.attemptId)) return Promise.resolve('unknown');
    this.chunks.push(chunk);
    return Promise.resolve('taken');
  }

  gap(_session: AgentSession, gap: IncomingGap): Promise<'taken' | 'unknown'> {
    this.gaps.push(gap);
    return Promise.resolve('taken');
  }
}

/** The world of one test file. */
export interface SessionWorld extends AsyncDisposable {
  readonly ca: TestCa;
  readonly door: AgentDoor;
  readonly store: MemoryNodeStore;
  readonly directory: NodeDirectory;
  readonly registry: SessionRegistry;
  readonly ports: RecordingPorts;
  readonly logs: ReturnType<typeof captureLogs>;
  /** Enrols a node; returns how to connect as it. */
  enroll(name: string): Promise<{ nodeId: NodeId; port: number; identity: TestCertificate }>;
}

/** Opens a door with small windows, so that going over them is cheap. */
export async function sessionWorld(
  options: { readonly logPort?: LogPort; readonly clock?: Clock } = {},
): Promise<SessionWorld> {
  const ca = await testCa();
  const store = new MemoryNodeStore();
  const ports = new RecordingPorts();
  const logs = captureLogs();
  const clock = options.clock ?? systemClock;
  const heartbeatPeriodMs = 10_000;
  const registry = new SessionRegistry(clock);
  const directory = await NodeDirectory.load({ store, clock, logger: logs.logger, settings: { heartbeatPeriodMs } });
  const log = { nodeWindowBytes: 1_500_000, streamWindowBytes: 1_000_000, chunkBytes: 65_536, flushIntervalMs: 100 };
  const deps = {
    nodes: directory,
    work: ports,
    logs: options.logPort ?? ports,
    registry,
    settings: { heartbeatPeriodMs, log },
    storeEpoch: 7,
    clock,
    ids: testIds,
    logger: logs.logger,
  };
  const door = await openAgentDoor(deps, systemRandom, { host: '127.0.0.1', port: 0, identity: await ca.server() });
  return {
    ca,
    door,
    store,
    directory,
    registry,
    ports,
    logs,
    async enroll(name) {
      const nodeId = asNodeId(testIds.next());
      const identity = await ca.node(nodeId);
      store.records.set(nodeId, newRecord(nodeId, name));
      store.certificates.set(fingerprintOfPem(identity.certPem), nodeId);
      return { nodeId, port: door.port, identity };
    },
    async [Symbol.asyncDispose]() {
      await door.close();
      await directory.flush();
    },
  };
}

/** An assignment to offer. */
export function someAssignment(attemptId = asAttemptId(testIds.next())): Assignment {
  const spec = create(JobSpecSchema, {
    workload: { kind: { case: 'process', value: { argv: ['true'] } } },
  });
  return { attemptId, jobId: asJobId(testIds.next()), taskIndex: 0, attemptNumber: 1, spec };
}
