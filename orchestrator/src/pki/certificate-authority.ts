// The cluster's own certificate authority: made at the first start, kept in the data directory, and the one thing that
// agents and clients trust. Its key never leaves <data>/pki/authority.pem (0600); <data>/ca.pem (0644) is a copy of the
// certificate for people and is written anew at each start.
import { X509Certificate } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Clock } from '@muster/common/clock/clock';
import { writeFileAtomic } from '@muster/common/disk/atomic-write';
import type { Disk } from '@muster/common/disk/disk';
import { AppError } from '@muster/common/errors/app-error';
import type { NodeId } from '@muster/common/ids/ids';
import type { Random } from '@muster/common/random/random';
import { fingerprintOfPem } from '@muster/common/tls/fingerprint';
import { nodeIdentityUri } from '@muster/common/tls/node-identity';
import {
  type CertificateUse,
  issueCertificate,
  issueWithNewKey,
  type KeyedCertificate,
  makeAuthorityCertificate,
  type Signer,
  signerOf,
  validityFrom,
} from './certificates.ts';
import { joinPem, splitPem } from './pem-pair.ts';

const DAY_MS = 86_400_000;
/** Ten years: nothing else renews it, and every agent trusts exactly this certificate. */
const AUTHORITY_LIFETIME_MS = 10 * 365 * DAY_MS;
const NODE_LIFETIME_MS = 90 * DAY_MS;

/** A certificate for a node. */
export interface NodeCertificate {
  readonly certPem: string;
  /** SHA-256 of the DER, hex. */
  readonly sha256: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** What the rest may ask of the authority. */
export interface CertificateAuthority {
  /** The certificate that everybody trusts, PEM. */
  readonly caPem: string;
  /** SHA-256 of its DER, hex: what join tokens carry. */
  readonly caSha256: string;
  /** Signs a node's certificate, good for 90 days. The name in it is ours; the key is all that came from the node. */
  issueForNode(nodeId: NodeId, spki: Uint8Array): Promise<NodeCertificate>;
  /** A fresh key and certificate of our own for a listener. */
  issueForServer(names: readonly string[], lifetimeMs: number): Promise<KeyedCertificate>;
}

/** Where the authority lives and what it needs. */
export interface AuthorityOptions {
  readonly dataDirectory: string;
  /** Stands in every name the authority gives; from the store, made once. */
  readonly clusterId: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Opens the authority, or makes it at the first start.
 * @throws AppError data_loss when only its public copy is there; failed_precondition when it is another cluster's
 */
export async function openCertificateAuthority(options: AuthorityOptions): Promise<CertificateAuthority> {
  const keyed = (await existingAuthority(options)) ?? (await newAuthority(options));
  const certificate = new X509Certificate(keyed.certPem);
  if (certificate.subject !== `CN=${authorityName(options.clusterId)}`) {
    throw new AppError(
      'failed_precondition',
      `${authorityPath(options)} belongs to another cluster than the database beside it; restore both from the same backup`,
    );
  }
  await writeFileAtomic(options.disk, publicPath(options), keyed.certPem, 0o644);
  return authorityOf(await signerOf(keyed), options);
}

/** The path of the public copy. */
export function publicPath(options: Pick<AuthorityOptions, 'dataDirectory'>): string {
  return join(options.dataDirectory, 'ca.pem');
}

function authorityPath(options: AuthorityOptions): string {
  return join(options.dataDirectory, 'pki', 'authority.pem');
}

function authorityName(clusterId: string): string {
  return `Muster ${clusterId}`;
}

async function existingAuthority(options: AuthorityOptions): Promise<KeyedCertificate | undefined> {
  const path = authorityPath(options);
  const bytes = await options.disk.readFile(path);
  if (bytes !== undefined) return splitPem(path, bytes);
  if ((await options.disk.stat(publicPath(options))) === undefined) return undefined;
  throw new AppError(
    'data_loss',
    `${publicPath(options)} is there but its key ${path} is not; restore it from a backup, or move ca.pem away to begin with a new authority, whereupon every node must enrol anew`,
  );
}

async function newAuthority(options: AuthorityOptions): Promise<KeyedCertificate> {
  const validity = validityFrom(options.clock.nowMs(), AUTHORITY_LIFETIME_MS);
  const keyed = await makeAuthorityCertificate(authorityName(options.clusterId), validity, options.random);
  const path = authorityPath(options);
  await options.disk.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(options.disk, path, joinPem(keyed), 0o600);
  return keyed;
}

function authorityOf(signer: Signer, options: AuthorityOptions): CertificateAuthority {
  const { clock, random, clusterId } = options;
  return {
    caPem: signer.certPem,
    caSha256: fingerprintOfPem(signer.certPem),
    async issueForNode(nodeId, spki) {
      const issuedAtMs = clock.nowMs();
      const validity = validityFrom(issuedAtMs, NODE_LIFETIME_MS);
      const use: CertificateUse = { kind: 'client', uri: nodeIdentityUri(clusterId, nodeId) };
      const certPem = await issueCertificate(signer, { commonName: nodeId, spki, validity, use }, random);
      return { certPem, sha256: fingerprintOfPem(certPem), issuedAtMs, expiresAtMs: validity.untilMs };
    },
    issueForServer(names, lifetimeMs) {
      const validity = validityFrom(clock.nowMs(), lifetimeMs);
      return issueWithNewKey(signer, { commonName: 'Muster', validity, use: { kind: 'server', names } }, random);
    },
  };
}
