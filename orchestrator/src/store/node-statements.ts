// The prepared statements of the node tables, each as a typed function.
import type { NodeId } from '@muster/common/ids/ids';
import { and, asc, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import type { Orm } from './database.ts';
import type { NodeWithFingerprint } from './node-rows.ts';
import { certificates, nodeFingerprints, nodes } from './schema.ts';

const value = sql.placeholder;

/** What a hello says of a node, as stored. */
export interface HelloColumns {
  readonly id: NodeId;
  readonly ledgerId: string;
  readonly bootId: string;
  readonly agentVersion: string;
  readonly agentLabels: Readonly<Record<string, string>>;
  readonly lastContactAtMs: number;
}

/** Prepares them. */
export function nodeStatements(orm: Orm) {
  const selection = { node: nodes, fingerprint: { fingerprint: nodeFingerprints.fingerprint } };
  const from = (): ReturnType<typeof selectFrom> => selectFrom(orm, selection);
  const live = isNull(nodes.endedAs);
  const byId = from()
    .where(eq(nodes.id, value('id')))
    .prepare();
  const byName = from()
    .where(and(eq(nodes.name, value('name')), live))
    .prepare();
  const every = from().orderBy(asc(nodes.name)).prepare();
  const everyLive = from().where(live).orderBy(asc(nodes.name)).prepare();
  const byCertificate = from()
    .innerJoin(certificates, eq(certificates.nodeId, nodes.id))
    .where(
      and(
        eq(certificates.certificateSha256, value('sha256')),
        eq(certificates.revoked, false),
        gt(certificates.expiresAtMs, value('atMs')),
        live,
      ),
    )
    .prepare();
  const hello = orm
    .update(nodes)
    .set({
      ledgerId: bound('ledgerId'),
      bootId: bound('bootId'),
      agentVersion: bound('agentVersion'),
      agentLabels: bound('agentLabels'),
      lastContactAtMs: bound('lastContactAtMs'),
    })
    .where(eq(nodes.id, value('id')))
    .prepare();
  const contact = orm
    .update(nodes)
    .set({ lastContactAtMs: bound('atMs') })
    .where(eq(nodes.id, value('id')))
    .prepare();
  const fingerprint = orm
    .insert(nodeFingerprints)
    .values({ nodeId: value('nodeId'), fingerprint: value('fingerprint') })
    .onConflictDoUpdate({ target: nodeFingerprints.nodeId, set: { fingerprint: sql`excluded.fingerprint` } })
    .prepare();
  return {
    byId: (id: string): NodeWithFingerprint | undefined => byId.get({ id }),
    byName: (name: string): NodeWithFingerprint | undefined => byName.get({ name }),
    byCertificate: (sha256: string, atMs: number): NodeWithFingerprint | undefined =>
      byCertificate.get({ sha256, atMs }),
    all: (ended: boolean): readonly NodeWithFingerprint[] => (ended ? every : everyLive).all(),
    updateHello: (row: HelloColumns): void => void hello.run({ ...row, agentLabels: JSON.stringify(row.agentLabels) }),
    updateContact: (id: NodeId, atMs: number): void => void contact.run({ id, atMs }),
    putFingerprint: (nodeId: NodeId, bytes: Buffer): void => void fingerprint.run({ nodeId, fingerprint: bytes }),
  };
}

function selectFrom(
  orm: Orm,
  selection: { node: typeof nodes; fingerprint: { fingerprint: typeof nodeFingerprints.fingerprint } },
) {
  return orm.select(selection).from(nodes).leftJoin(nodeFingerprints, eq(nodeFingerprints.nodeId, nodes.id));
}

function bound(name: string): SQL {
  return sql`${sql.placeholder(name)}`;
}
