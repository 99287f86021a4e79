// The certificates of our own listeners, one file each, made anew at start when their time is running out, when the names
// they must cover have changed, or when they are not of the present authority.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import type { Clock } from '@muster/common/clock/clock';
import { writeFileAtomic } from '@muster/common/disk/atomic-write';
import type { Disk } from '@muster/common/disk/disk';
import { isAppError } from '@muster/common/errors/app-error';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import type { CertificateAuthority } from './certificate-authority.ts';
import { countNames, type KeyedCertificate } from './certificates.ts';
import { joinPem, splitPem } from './pem-pair.ts';

const DAY_MS = 86_400_000;
const LIFETIME_MS = 365 * DAY_MS;
/** At a start in its last third a certificate is replaced: an orchestrator is restarted more often than every four months. */
const LEAST_REST_MS = LIFETIME_MS / 3;

/** Names that every listener answers to, whatever it is configured to. */
const localNames: readonly string[] = ['localhost', '127.0.0.1', '::1'];

/** What making a listener's certificate needs. */
export interface ServerCertificateOptions {
  /** The file with certificate and key. */
  readonly path: string;
  /** DNS names and IP addresses beside the local ones. Those that can stand in no certificate are left out. */
  readonly names: readonly string[];
  readonly authority: CertificateAuthority;
  readonly disk: Disk;
  readonly clock: Clock;
}

/** The listener's certificate, made where there is none that fits. */
export async function openServerCertificate(options: ServerCertificateOptions): Promise<TlsIdentity> {
  const names = namesFor(options.names);
  const present = await presentPair(options);
  const pair = present !== undefined && fits(present, names, options) ? present : await made(options, names);
  return { caPem: options.authority.caPem, ...pair };
}

/** The names a certificate gets: the local ones and the given, each once; wildcards of listeners are no names. */
export function namesFor(given: readonly string[]): readonly string[] {
  const lower = given.map((name) => name.toLowerCase());
  return [...new Set([...localNames, ...lower])].filter((name) =>
    isIP(name) === 0 ? isDnsName(name) : !isAnyAddress(name),
  );
}

function isDnsName(name: string): boolean {
  return name.length <= 253 && /^(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.?)+$/.test(name) && !name.endsWith('.');
}

function isAnyAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

async function presentPair(options: ServerCertificateOptions): Promise<KeyedCertificate | undefined> {
  const bytes = await options.disk.readFile(options.path);
  if (bytes === undefined) return undefined;
  try {
    return splitPem(options.path, bytes);
  } catch (error) {
    // Unlike the authority this can be made anew without loss.
    if (isAppError(error, 'data_loss')) return undefined;
    throw error;
  }
}

function fits(pair: KeyedCertificate, names: readonly string[], options: ServerCertificateOptions): boolean {
  const certificate = new X509Certificate(pair.certPem);
  const authority = new X509Certificate(options.authority.caPem);
  const restMs = certificate.validToDate.getTime() - options.clock.nowMs();
  return (
    restMs > LEAST_REST_MS &&
    certificate.verify(authority.publicKey) &&
    countNames(pair.certPem) === names.length &&
    names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined)
  );
}

async function made(options: ServerCertificateOptions, names: readonly string[]): Promise<KeyedCertificate> {
  const pair = await options.authority.issueForServer(names, LIFETIME_MS);
  await options.disk.mkdir(dirname(options.path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(options.disk, options.path, joinPem(pair), 0o600);
  return pair;
}
