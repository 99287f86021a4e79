/**
 * All enrolled nodes in memory: what the store keeps of each and what is known of it right now (contact, session, use).
 * Answers placement and the node API without reading the store, and takes in what sessions learn. Stored facts change in
 * the store first; what is here follows.
 */
import { equals } from '@bufbuild/protobuf';
import type { Clock } from '@muster/common/clock/clock';
import { errorChain } from '@muster/common/errors/app-error';
import { type AttemptId, asNodeId, isUlid, type NodeId } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import { type Fingerprint, FingerprintSchema, type NodeUsage } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { NodeRecord } from '../domain/node.ts';
import { type Liveness, type LivenessSettings, livenessAtStart, nextLiveness } from './liveness.ts';
import { NodeChanges } from './node-changes.ts';
import { type NodeFacts, nodeFacts } from './node-facts.ts';
import type { NodeStore } from './node-store.ts';
import type { AgentSession, HelloReport, NodePort } from './session-ports.ts';

/** A node as the directory knows it. */
export interface NodeView {
  readonly record: NodeRecord;
  readonly contact: Liveness['kind'];
  /** Unset: none. */
  readonly session?: AgentSession;
  /** Of the last heartbeat. Unset: none since the start. */
  readonly usage?: NodeUsage;
  /** Attempts that it holds and the store does not know. */
  readonly foreign: readonly AttemptId[];
  /** By our wall clock. Unset: never connected. */
  readonly lastContactAtMs?: number;
}

interface Entry {
  record: NodeRecord;
  facts: NodeFacts;
  liveness: Liveness;
  session: AgentSession | undefined;
  usage: NodeUsage | undefined;
  foreign: readonly AttemptId[];
  /** Wall time; undefined while nothing came since the start. */
  heardAtMs: number | undefined;
  storedContactAtMs: number | undefined;
}

/** What the directory works with. */
export interface NodeDirectoryDeps {
  readonly store: NodeStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: LivenessSettings;
}

/** The nodes. */
export class NodeDirectory implements NodePort {
  readonly changes = new NodeChanges();
  readonly #deps: NodeDirectoryDeps;
  readonly #entries = new Map<NodeId, Entry>();
  readonly #ids = new Map<string, NodeId>();
  readonly #writes = new Set<Promise<void>>();
  readonly #startMs: number;

  private constructor(deps: NodeDirectoryDeps) {
    this.#deps = deps;
    this.#startMs = deps.clock.monotonicMs();
  }

  /** Reads all nodes. */
  static async load(deps: NodeDirectoryDeps): Promise<NodeDirectory> {
    const directory = new NodeDirectory(deps);
    for (const record of await deps.store.all({ ended: true })) directory.learn(record);
    return directory;
  }

  /** A node by id or by name, also one that was removed or replaced, by its id. */
  view(idOrName: string): NodeView | undefined {
    const entry = this.#find(idOrName);
    return entry === undefined ? undefined : viewOf(entry);
  }

  /** All nodes, those that are removed or replaced too. */
  *views(): Generator<NodeView, void, void> {
    for (const entry of this.#entries.values()) yield viewOf(entry);
  }

  /** A node's facts for placement; undefined for one that is unknown or gone for good. */
  get(id: NodeId): NodeFacts | undefined {
    const entry = this.#entries.get(id);
    return entry?.record.end === undefined ? entry?.facts : undefined;
  }

  /** Facts of all nodes that are not gone for good. */
  *all(): Generator<NodeFacts, void, void> {
    for (const entry of this.#entries.values()) if (entry.record.end === undefined) yield entry.facts;
  }

  /** The node's name; its id where it is not known. */
  nameOf(id: NodeId): string {
    return this.#entries.get(id)?.record.name ?? id;
  }

  /** Why it is gone for good. Undefined: it is not. */
  endOf(id: NodeId): NodeRecord['end'] {
    return this.#entries.get(id)?.record.end;
  }

  /** Whether it is out of contact, or gone for good, so that what is known of its attempts may be old. */
  outOfContact(id: NodeId): boolean {
    const entry = this.#entries.get(id);
    return entry?.liveness.kind !== 'online' || entry.record.end !== undefined;
  }

  /** Takes in what the store says of a node now: a new one, or one that changed. */
  learn(record: NodeRecord): void {
    const known = this.#entries.get(record.id);
    if (known === undefined) this.#entries.set(record.id, this.#newEntry(record));
    else {
      if (known.record.name !== record.name) this.#ids.delete(known.record.name);
      known.record = record;
      known.facts = nodeFacts(record);
    }
    if (record.end === undefined) this.#ids.set(record.name, record.id);
    else if (this.#ids.get(record.name) === record.id) this.#ids.delete(record.name);
    if (record.end !== undefined) known?.session?.end('revoked', `the node was ${record.end}`);
    this.changes.notify(record.id);
  }

  /** Reads a node from the store again, after something else changed it there. */
  async refresh(id: NodeId): Promise<void> {
    const record = await this.#deps.store.find(id);
    if (record !== undefined) this.learn(record);
  }

  /** Sets and removes labels. Undefined: no such node. */
  updateUserLabels(
    id: NodeId,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
  ): Promise<NodeView | undefined> {
    return this.#change(this.#deps.store.updateUserLabels(id, set, remove));
  }

  /** Gives it no new work. Undefined: no such node. */
  cordon(id: NodeId): Promise<NodeView | undefined> {
    return this.#change(this.#deps.store.setCordoned(id, true));
  }

  /** Lets it have work again; lifts a quarantine too. Undefined: no such node. */
  async uncordon(id: NodeId): Promise<NodeView | undefined> {
    const view = await this.#change(this.#deps.store.setCordoned(id, false));
    return view?.record.quarantineReason === undefined
      ? view
      : this.#change(this.#deps.store.setQuarantine(id, undefined));
  }

  /** The node holds these attempts and the store does not know them. */
  setForeign(id: NodeId, attemptIds: readonly AttemptId[]): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.foreign = attemptIds;
    this.changes.notify(id);
  }

  /** Moves nodes that were silent for too long. */
  judge(nowMonotonicMs: number): void {
    for (const [id, entry] of this.#entries) this.#move(id, entry, { kind: 'tick', atMs: nowMonotonicMs });
  }

  /** Stores when nodes were last heard of, where that has changed. A failure is logged: about right is enough. */
  async storeContacts(ids: Iterable<NodeId> = this.#entries.keys()): Promise<void> {
    const contacts: { nodeId: NodeId; atMs: number }[] = [];
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry?.heardAtMs === undefined || entry.heardAtMs === entry.storedContactAtMs) continue;
      entry.storedContactAtMs = entry.heardAtMs;
      contacts.push({ nodeId: id, atMs: entry.heardAtMs });
    }
    if (contacts.length > 0) await this.#write('contacts', this.#deps.store.recordContacts(contacts));
  }

  /** Returns once everything that sessions told is stored. For the end. */
  async flush(): Promise<void> {
    await this.storeContacts();
    while (this.#writes.size > 0) await Promise.all(this.#writes);
  }

  async identify(certificateSha256: string): Promise<NodeRecord | undefined> {
    const record = await this.#deps.store.nodeByCertificate(certificateSha256, this.#deps.clock.nowMs());
    if (record === undefined || record.end !== undefined) return undefined;
    // Nodes enrolled since the start are met here for the first time.
    if (!this.#entries.has(record.id)) this.learn(record);
    return record;
  }

  async hello(session: AgentSession, hello: HelloReport): Promise<NodeRecord> {
    const { nodeId, ledgerId, bootId } = session;
    const { agentVersion, labels: agentLabels, fingerprint } = hello;
    const atMs = this.#deps.clock.nowMs();
    const facts = { nodeId, ledgerId, bootId, agentVersion, agentLabels, fingerprint, atMs };
    const { node } = await this.#deps.store.recordHello(facts);
    this.learn(node);
    return node;
  }

  established(session: AgentSession): void {
    const entry = this.#entries.get(session.nodeId);
    if (entry === undefined) return;
    // Who ended the node did not see this session yet.
    if (entry.record.end !== undefined) {
      session.end('revoked', `the node was ${entry.record.end}`);
      return;
    }
    entry.session = session;
    this.heard(session);
    this.changes.notify(session.nodeId);
  }

  heard(session: AgentSession): void {
    const entry = this.#entries.get(session.nodeId);
    if (entry === undefined) return;
    entry.heardAtMs = this.#deps.clock.nowMs();
    this.#move(session.nodeId, entry, { kind: 'heard', atMs: this.#deps.clock.monotonicMs() });
  }

  left(session: AgentSession): void {
    const entry = this.#entries.get(session.nodeId);
    if (entry !== undefined) this.#move(session.nodeId, entry, { kind: 'left', atMs: this.#deps.clock.monotonicMs() });
  }

  heartbeat(session: AgentSession, _appliedRevision: number, usage: NodeUsage | undefined): void {
    const entry = this.#entries.get(session.nodeId);
    if (entry === undefined || usage === undefined) return;
    entry.usage = usage;
    this.changes.notify(session.nodeId);
  }

  fingerprint(session: AgentSession, fingerprint: Fingerprint): void {
    const entry = this.#entries.get(session.nodeId);
    const known = entry?.record.fingerprint;
    if (entry === undefined || (known !== undefined && equals(FingerprintSchema, known, fingerprint))) return;
    // Taken in at once, so that of two reports in quick succession the second is compared with the first.
    this.learn({ ...entry.record, fingerprint });
    this.#background('fingerprint', this.#change(this.#deps.store.recordFingerprint(session.nodeId, fingerprint)));
  }

  quarantine(nodeId: NodeId, reason: string): void {
    this.#deps.logger.warn({ nodeId, reason }, 'node put in quarantine');
    this.#background('quarantine', this.#change(this.#deps.store.setQuarantine(nodeId, reason)));
  }

  closed(session: AgentSession): void {
    const entry = this.#entries.get(session.nodeId);
    if (entry === undefined || entry.session !== session) return;
    entry.session = undefined;
    this.changes.notify(session.nodeId);
    this.#background('contact', this.storeContacts([session.nodeId]));
  }

  #newEntry(record: NodeRecord): Entry {
    const everConnected = record.lastContactAtMs !== undefined;
    return {
      record,
      facts: nodeFacts(record),
      liveness: livenessAtStart(everConnected, this.#startMs, this.#deps.settings),
      session: undefined,
      usage: undefined,
      foreign: [],
      heardAtMs: undefined,
      storedContactAtMs: undefined,
    };
  }

  #find(idOrName: string): Entry | undefined {
    const id = this.#ids.get(idOrName) ?? (isUlid(idOrName) ? asNodeId(idOrName) : undefined);
    return id === undefined ? undefined : this.#entries.get(id);
  }

  #move(id: NodeId, entry: Entry, event: Parameters<typeof nextLiveness>[1]): void {
    const before = entry.liveness.kind;
    entry.liveness = nextLiveness(entry.liveness, event, this.#deps.settings);
    if (entry.liveness.kind === before) return;
    if (entry.record.end === undefined) {
      this.#deps.logger.info({ nodeId: id, from: before, to: entry.liveness.kind }, 'contact changed');
    }
    this.changes.notify(id);
  }

  async #change(stored: Promise<NodeRecord | undefined>): Promise<NodeView | undefined> {
    const record = await stored;
    if (record === undefined) return undefined;
    this.learn(record);
    return this.view(record.id);
  }

  #background(what: string, work: Promise<unknown>): void {
    this.#write(what, work).catch(() => undefined);
  }

  async #write(what: string, work: Promise<unknown>): Promise<void> {
    const done = work.then(
      () => undefined,
      (error: unknown) => this.#deps.logger.error({ what, reason: errorChain(error) }, 'cannot store a fact of a node'),
    );
    this.#writes.add(done);
    await done;
    this.#writes.delete(done);
  }
}

function viewOf(entry: Entry): NodeView {
  const lastContactAtMs = entry.heardAtMs ?? entry.record.lastContactAtMs;
  return {
    record: entry.record,
    contact: entry.liveness.kind,
    ...(entry.session === undefined ? {} : { session: entry.session }),
    ...(entry.usage === undefined ? {} : { usage: entry.usage }),
    foreign: entry.foreign,
    ...(lastContactAtMs === undefined ? {} : { lastContactAtMs }),
  };
}
