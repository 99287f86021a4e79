// The node store on SQLite. A reconnect storm writes little: a hello that says nothing new costs reads only.
import { toBinary } from '@bufbuild/protobuf';
import type { NodeId } from '@muster/common/ids/ids';
import { type Fingerprint, FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { eq } from 'drizzle-orm';
import type { NodeRecord } from '../domain/node.ts';
import type { HelloFacts, NodeStore } from '../sessions/node-store.ts';
import type { Orm } from './database.ts';
import type { GroupCommit } from './group-commit.ts';
import { type NodeRow, type NodeWithFingerprint, nodeRecordOf } from './node-rows.ts';
import { nodeStatements } from './node-statements.ts';
import { reading } from './reading.ts';
import { nodes } from './schema.ts';

/** A contact time older than this is written with a hello that says nothing new. */
const CONTACT_AGE_MS = 60_000;

type Statements = ReturnType<typeof nodeStatements>;

/** Makes the store; `commit` and `orm` are of the same database. */
export function makeSqliteNodeStore(orm: Orm, commit: GroupCommit): NodeStore {
  const statements = nodeStatements(orm);
  const change = (nodeId: NodeId, changeOf: (node: NodeRow) => Partial<NodeRow>): Promise<NodeRecord | undefined> =>
    commit.run(() => changeNode(orm, statements, nodeId, changeOf));
  return {
    nodeByCertificate: (sha256, atMs) => reading(() => recordOf(statements.byCertificate(sha256, atMs))),
    find: (idOrName) => reading(() => recordOf(statements.byId(idOrName) ?? statements.byName(idOrName))),
    all: ({ ended }) => reading(() => statements.all(ended).map(nodeRecordOf)),
    recordHello: (facts) => commit.run(() => recordHello(statements, facts)),
    recordFingerprint: (nodeId, fingerprint) => commit.run(() => recordFingerprint(statements, nodeId, fingerprint)),
    recordContacts: (contacts) =>
      commit.run(() => {
        for (const { nodeId, atMs } of contacts) statements.updateContact(nodeId, atMs);
      }),
    updateUserLabels: (nodeId, set, remove) =>
      change(nodeId, (node) => {
        const brought = { ...node.enrolledLabels, ...node.agentLabels };
        const userLabels = { ...node.userLabels };
        for (const key of remove) {
          // Only what the node itself brings needs a mark that it was removed.
          if (Object.hasOwn(brought, key)) userLabels[key] = null;
          else delete userLabels[key];
        }
        return { userLabels: { ...userLabels, ...set } };
      }),
    setCordoned: (nodeId, cordoned) => change(nodeId, () => ({ cordoned })),
    setQuarantine: (nodeId, reason) => change(nodeId, () => ({ quarantineReason: reason ?? null })),
  };
}

function recordOf(row: NodeWithFingerprint | undefined): NodeRecord | undefined {
  return row === undefined ? undefined : nodeRecordOf(row);
}

/** Rare changes by people, so the statement is not prepared. */
function changeNode(
  orm: Orm,
  statements: Statements,
  nodeId: NodeId,
  changeOf: (node: NodeRow) => Partial<NodeRow>,
): NodeRecord | undefined {
  const found = statements.byId(nodeId);
  if (found === undefined) return undefined;
  const change = changeOf(found.node);
  orm.update(nodes).set(change).where(eq(nodes.id, nodeId)).run();
  return nodeRecordOf({ ...found, node: { ...found.node, ...change } });
}

function recordHello(statements: Statements, facts: HelloFacts): Awaited<ReturnType<NodeStore['recordHello']>> {
  const found = statements.byId(facts.nodeId);
  // The session's certificate was found by this very node, and nodes are never deleted.
  if (found === undefined) throw new Error(`there is no node ${facts.nodeId}`);
  const { node } = found;
  const said = {
    ledgerId: facts.ledgerId,
    bootId: facts.bootId,
    agentVersion: facts.agentVersion,
    agentLabels: facts.agentLabels,
  };
  const stale = node.lastContactAtMs === null || facts.atMs - node.lastContactAtMs > CONTACT_AGE_MS;
  const news = !sameHello(node, said);
  const lastContactAtMs = news || stale ? facts.atMs : node.lastContactAtMs;
  if (news || stale) statements.updateHello({ id: facts.nodeId, ...said, lastContactAtMs: facts.atMs });
  const fingerprint = writeFingerprint(statements, found, facts.fingerprint);
  return {
    node: nodeRecordOf({ node: { ...node, ...said, lastContactAtMs }, fingerprint }),
    previous: {
      ...(node.ledgerId === null ? {} : { ledgerId: node.ledgerId }),
      ...(node.bootId === null ? {} : { bootId: node.bootId }),
    },
  };
}

function sameHello(
  node: NodeRow,
  said: Pick<HelloFacts, 'ledgerId' | 'bootId' | 'agentVersion' | 'agentLabels'>,
): boolean {
  return (
    node.ledgerId === said.ledgerId &&
    node.bootId === said.bootId &&
    node.agentVersion === said.agentVersion &&
    sameLabels(node.agentLabels, said.agentLabels)
  );
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function writeFingerprint(
  statements: Statements,
  found: NodeWithFingerprint,
  fingerprint: Fingerprint,
): { readonly fingerprint: Buffer } {
  const bytes = Buffer.from(toBinary(FingerprintSchema, fingerprint));
  if (found.fingerprint?.fingerprint.equals(bytes) !== true) statements.putFingerprint(found.node.id, bytes);
  return { fingerprint: bytes };
}

function recordFingerprint(statements: Statements, nodeId: NodeId, fingerprint: Fingerprint): NodeRecord | undefined {
  const found = statements.byId(nodeId);
  if (found === undefined) return undefined;
  return nodeRecordOf({ node: found.node, fingerprint: writeFingerprint(statements, found, fingerprint) });
}
