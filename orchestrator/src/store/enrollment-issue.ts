// Issuing a certificate against a join token: check, consume, replace the machine's earlier node, name, store. Runs inside a transaction.
import { timingSafeEqual } from 'node:crypto';
import type { NodeId } from '@muster/common/ids/ids';
import { and, desc, eq, isNull, ne, notInArray, sql } from 'drizzle-orm';
import type { IssueRequest, IssueResult } from '../pki/enrollment-store.ts';
import type { Orm } from './database.ts';
import { certificates, joinTokens, nodes } from './schema.ts';

/** A lost reply may be asked for again this long. */
const REPEAT_MS = 10 * 60_000;
/** Names have at most 63 characters (contract, EnrollRequest.name). */
const NAME_LENGTH = 63;

type TokenRow = typeof joinTokens.$inferSelect;

/** Issues, repeats or refuses. */
export function issue(orm: Orm, request: IssueRequest): IssueResult {
  const token = orm.select().from(joinTokens).where(eq(joinTokens.id, request.tokenId)).get();
  if (token === undefined) return { kind: 'refused', reason: 'unknown' };
  if (!sameDigest(token.secretSha256, request.secretSha256)) return { kind: 'refused', reason: 'wrong_secret' };
  if (token.revoked) return { kind: 'refused', reason: 'revoked' };
  const repeated = findRepeated(orm, request);
  if (repeated !== undefined) return repeated;
  if (token.expiresAtMs <= request.atMs) return { kind: 'refused', reason: 'expired' };
  if (token.usesLeft !== null && token.usesLeft <= 0) return { kind: 'refused', reason: 'used_up' };
  return enroll(orm, token, request);
}

function sameDigest(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function findRepeated(orm: Orm, request: IssueRequest): IssueResult | undefined {
  const row = orm
    .select({ certificate: certificates, nodeName: nodes.name })
    .from(certificates)
    .innerJoin(nodes, eq(nodes.id, certificates.nodeId))
    .where(
      and(
        eq(certificates.tokenId, request.tokenId),
        eq(certificates.keySha256, request.keySha256),
        eq(certificates.revoked, false),
        isNull(nodes.endedAs),
      ),
    )
    .orderBy(desc(certificates.issuedAtMs))
    .get();
  if (row === undefined || request.atMs - row.certificate.issuedAtMs > REPEAT_MS) return undefined;
  const { nodeId, certificatePem, expiresAtMs } = row.certificate;
  return { kind: 'repeated', nodeId, nodeName: row.nodeName, certificatePem, expiresAtMs };
}

function enroll(orm: Orm, token: TokenRow, request: IssueRequest): IssueResult {
  if (token.usesLeft !== null) {
    orm
      .update(joinTokens)
      .set({ usesLeft: token.usesLeft - 1 })
      .where(eq(joinTokens.id, token.id))
      .run();
  }
  // First, so that the machine's own earlier name is free again.
  const replaced = replaceEarlier(orm, request);
  const nodeName = freeName(orm, request.wantedName);
  insertNode(orm, request, nodeName, token.labels);
  orm
    .insert(certificates)
    .values({
      certificateSha256: request.certificateSha256,
      nodeId: request.nodeId,
      tokenId: request.tokenId,
      keySha256: request.keySha256,
      certificatePem: request.certificatePem,
      issuedAtMs: request.issuedAtMs,
      expiresAtMs: request.expiresAtMs,
      revoked: false,
    })
    .run();
  return { kind: 'issued', nodeId: request.nodeId, nodeName, ...(replaced === undefined ? {} : { replaced }) };
}

/** A machine that gives no id replaces nobody, and nobody replaces a node that is connected. */
function replaceEarlier(orm: Orm, request: IssueRequest): NodeId | undefined {
  if (request.machineIdHash === '') return undefined;
  const earlier = orm
    .update(nodes)
    .set({ endedAs: 'replaced' })
    .where(
      and(
        eq(nodes.machineIdHash, request.machineIdHash),
        isNull(nodes.endedAs),
        ne(nodes.id, request.nodeId),
        notInArray(nodes.id, [...request.connected]),
      ),
    )
    .returning({ id: nodes.id })
    .all();
  for (const { id } of earlier) {
    orm.update(certificates).set({ revoked: true }).where(eq(certificates.nodeId, id)).run();
  }
  return earlier.at(-1)?.id;
}

function freeName(orm: Orm, wanted: string): string {
  if (!nameTaken(orm, wanted)) return wanted;
  for (let number = 2; ; number += 1) {
    const suffix = `-${number}`;
    const name = wanted.slice(0, NAME_LENGTH - suffix.length) + suffix;
    if (!nameTaken(orm, name)) return name;
  }
}

function nameTaken(orm: Orm, name: string): boolean {
  const holder = orm
    .select({ one: sql<number>`1` })
    .from(nodes)
    .where(and(eq(nodes.name, name), isNull(nodes.endedAs)))
    .get();
  return holder !== undefined;
}

/** What the administrator put on the token wins over what the machine says of itself. */
function insertNode(orm: Orm, request: IssueRequest, name: string, tokenLabels: TokenRow['labels']): void {
  orm
    .insert(nodes)
    .values({
      id: request.nodeId,
      name,
      machineIdHash: request.machineIdHash,
      userLabels: {},
      enrolledLabels: { ...request.labels, ...tokenLabels },
      agentLabels: {},
      cordoned: false,
      enrolledAtMs: request.atMs,
      certificateIssuedAtMs: request.issuedAtMs,
      certificateExpiresAtMs: request.expiresAtMs,
    })
    .run();
}
