// Join tokens and certificate requests for tests.
import { createHash } from 'node:crypto';
import { asJoinTokenId, asNodeId } from '@muster/common/ids/ids';
import type { EnrollmentStore, IssueRequest, JoinTokenRecord } from '../pki/enrollment-store.ts';
import { ids } from './samples.fixture.ts';

/** A token that was stored: unlimited, until 1,000,000. */
export async function newToken(store: EnrollmentStore, facts: Partial<JoinTokenRecord> = {}): Promise<JoinTokenRecord> {
  const token: JoinTokenRecord = {
    id: asJoinTokenId(ids.next()),
    secretSha256: sha256('secret'),
    labels: {},
    createdBy: 'admin',
    createdAtMs: 1_000,
    expiresAtMs: 1_000_000,
    revoked: false,
    ...facts,
  };
  await store.createToken(token);
  return token;
}

/** A request of a fresh key and machine. */
export function issueRequest(token: JoinTokenRecord, facts: Partial<IssueRequest> = {}): IssueRequest {
  const nodeId = asNodeId(ids.next());
  return {
    tokenId: token.id,
    secretSha256: token.secretSha256,
    keySha256: sha256(`key of ${nodeId}`),
    machineIdHash: sha256(`machine of ${nodeId}`),
    connected: [],
    wantedName: 'node',
    labels: {},
    atMs: 2_000,
    nodeId,
    certificatePem: `certificate of ${nodeId}`,
    certificateSha256: sha256(`certificate of ${nodeId}`),
    issuedAtMs: facts.atMs ?? 2_000,
    expiresAtMs: 900_000,
    ...facts,
  };
}

/** A node that was enrolled. */
export async function enrolled(
  store: EnrollmentStore,
  token: JoinTokenRecord,
  facts: Partial<IssueRequest> = {},
): Promise<IssueRequest> {
  const request = issueRequest(token, facts);
  const result = await store.issue(request);
  if (result.kind !== 'issued') throw new Error(result.kind);
  return request;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
