/**
 * A node's name in its certificate: one SAN URI, `spiffe://<cluster>/node/<node id>`. Read it only from a certificate
 * that TLS has verified; the name alone proves nothing.
 */
import { AppError } from '../errors/app-error.ts';
import { asNodeId, isUlid, type NodeId } from '../ids/ids.ts';

/** Who a verified certificate speaks for. */
export interface NodeIdentity {
  readonly cluster: string;
  readonly nodeId: NodeId;
}

/** A cluster's name is a trust domain of SPIFFE: lowercase letters, digits, dots, dashes, underscores. */
const CLUSTER = /^[a-z0-9._-]{1,255}$/;
const URI = /^spiffe:\/\/([a-z0-9._-]{1,255})\/node\/([0-9a-z]{26})$/;

/** The SAN URI of a node. Throws `invalid_argument` when the cluster's name cannot stand in one. */
export function nodeIdentityUri(cluster: string, nodeId: NodeId): string {
  if (!CLUSTER.test(cluster)) {
    throw new AppError('invalid_argument', `${JSON.stringify(cluster)} is no cluster name; use a-z, 0-9, dot, dash`);
  }
  return `spiffe://${cluster}/node/${nodeId}`;
}

/** The identity in a SAN URI; undefined when it is not one of ours. */
export function parseNodeIdentityUri(uri: string): NodeIdentity | undefined {
  const [, cluster, id] = URI.exec(uri) ?? [];
  if (cluster === undefined || id === undefined || !isUlid(id)) return undefined;
  return { cluster, nodeId: asNodeId(id) };
}

/**
 * The identity in Node's `subjectaltname` text (`URI:spiffe://…, DNS:…`) of a verified certificate.
 * @throws AppError unauthenticated when it holds none of ours, or more than one URI
 */
export function nodeIdentityOfSubject(subjectAltName: string | undefined): NodeIdentity {
  // Node quotes a value that holds a comma, so a forged part cannot begin after ", ".
  const uris = (subjectAltName ?? '').split(', ').filter((part) => part.startsWith('URI:'));
  const [only] = uris;
  const identity =
    uris.length === 1 && only !== undefined ? parseNodeIdentityUri(only.slice('URI:'.length)) : undefined;
  if (identity === undefined) {
    throw new AppError('unauthenticated', 'the certificate does not name a node; enroll this machine first');
  }
  return identity;
}
