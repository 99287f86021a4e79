// What enrolment and join tokens need of the store. Each method is one transaction, durable when its promise resolves.
import type { JoinTokenId, NodeId } from '@muster/common/ids/ids';

export interface JoinTokenRecord {
  readonly id: JoinTokenId;
  /** SHA-256 of the secret, hex. The secret itself is nowhere. */
  readonly secretSha256: string;
  /** Unset: unlimited. */
  readonly usesLeft?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly revoked: boolean;
}

/** A certificate that was made and is issued only if the transaction commits. */
export interface IssueRequest {
  readonly tokenId: JoinTokenId;
  readonly secretSha256: string;
  /** SHA-256 of the public key's SPKI, hex. */
  readonly keySha256: string;
  readonly machineIdHash: string;
  /** Nodes that are connected now: they live, so a machine with the same hash is another one (or a copy), and replaces none of them. */
  readonly connected: readonly NodeId[];
  /** Wanted name; the store adds "-2", "-3", ... while another live node has it. */
  readonly wantedName: string;
  /** From the machine. The store adds the token's, which win. */
  readonly labels: Readonly<Record<string, string>>;
  readonly atMs: number;
  /** Called inside the transaction with the node's id and final name; synchronous, so the signature is made before (see pki/enroll.ts). */
  readonly nodeId: NodeId;
  readonly certificatePem: string;
  readonly certificateSha256: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export type IssueResult =
  | { readonly kind: 'issued'; readonly nodeId: NodeId; readonly nodeName: string; readonly replaced?: NodeId }
  /** The same token with the same key, within ten minutes: the reply was lost. */
  | {
      readonly kind: 'repeated';
      readonly nodeId: NodeId;
      readonly nodeName: string;
      readonly certificatePem: string;
      readonly expiresAtMs: number;
    }
  /** One text for the client; the reason is for the log. */
  | { readonly kind: 'refused'; readonly reason: 'unknown' | 'wrong_secret' | 'expired' | 'used_up' | 'revoked' };

export interface EnrollmentStore {
  createToken(token: JoinTokenRecord): Promise<void>;
  /** Newest first, after `after`. */
  listTokens(limit: number, after: JoinTokenId | undefined): Promise<readonly JoinTokenRecord[]>;
  revokeToken(id: JoinTokenId): Promise<JoinTokenRecord | undefined>;
  /** Checks and consumes the token, stores node and certificate, marks an earlier node with the same machineIdHash that is not connected as replaced (its certificates revoked). */
  issue(request: IssueRequest): Promise<IssueResult>;
}
