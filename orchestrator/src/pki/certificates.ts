// Makes X.509 certificates: the one place that knows the library. Every field is the orchestrator's choice; of what a peer
// sends only the public key gets in. ECDSA P-256 throughout.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { Random } from '@muster/common/random/random';
import * as x509 from '@peculiar/x509';

const ecdsaP256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** Certificates begin this long before they are made: clocks of nodes may be behind ours. */
const BACKDATED_MS = 5 * 60_000;

/** When a certificate is good, in milliseconds since the epoch. */
export interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A certificate with the private key it belongs to, both PEM. */
export interface KeyedCertificate {
  readonly certPem: string;
  /** PKCS#8. A secret. */
  readonly keyPem: string;
}

/** What an authority signs with. */
export interface Signer {
  readonly certPem: string;
  readonly privateKey: webcrypto.CryptoKey;
}

/** Whom a certificate is for. */
export type CertificateUse =
  | { readonly kind: 'server'; readonly names: readonly string[] }
  | { readonly kind: 'client'; readonly uri: string };

/** From a little before now for `lifetimeMs`. */
export function validityFrom(nowMs: number, lifetimeMs: number): Validity {
  // Certificates count whole seconds.
  const fromMs = Math.floor((nowMs - BACKDATED_MS) / 1000) * 1000;
  return { fromMs, untilMs: fromMs + BACKDATED_MS + lifetimeMs };
}

/** A new authority: it may sign certificates and nothing that may sign. */
export async function makeAuthorityCertificate(
  commonName: string,
  validity: Validity,
  random: Random,
): Promise<KeyedCertificate> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(random),
      name: subjectOf(commonName),
      ...datesOf(validity),
      keys,
      signingAlgorithm: ecdsaP256,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certPem: pemOf(certificate), keyPem: await privatePem(keys.privateKey) };
}

/** Takes an authority's files into use. */
export async function signerOf(authority: KeyedCertificate): Promise<Signer> {
  const [der] = x509.PemConverter.decode(authority.keyPem);
  if (der === undefined) throw new Error('the authority has no private key');
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, ecdsaP256, false, ['sign']);
  return { certPem: authority.certPem, privateKey };
}

/** Signs a certificate for a public key (SPKI, DER). */
export async function issueCertificate(
  signer: Signer,
  request: {
    readonly commonName: string;
    readonly spki: Uint8Array;
    readonly validity: Validity;
    readonly use: CertificateUse;
  },
  random: Random,
): Promise<string> {
  const authority = new x509.X509Certificate(signer.certPem);
  const publicKey = new x509.PublicKey(Buffer.from(request.spki));
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(random),
      subject: subjectOf(request.commonName),
      issuer: authority.subject,
      ...datesOf(request.validity),
      publicKey,
      signingKey: signer.privateKey,
      signingAlgorithm: ecdsaP256,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([purposeOf(request.use)]),
        new x509.SubjectAlternativeNameExtension(namesOf(request.use)),
        await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return pemOf(certificate);
}

/** A fresh key of our own with a certificate for it. */
export async function issueWithNewKey(
  signer: Signer,
  request: { readonly commonName: string; readonly validity: Validity; readonly use: CertificateUse },
  random: Random,
): Promise<KeyedCertificate> {
  const keys = await newKeys();
  const spki = new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  const certPem = await issueCertificate(signer, { ...request, spki }, random);
  return { certPem, keyPem: await privatePem(keys.privateKey) };
}

/** How many names a certificate stands for. */
export function countNames(certPem: string): number {
  const names = new x509.X509Certificate(certPem).getExtension(x509.SubjectAlternativeNameExtension);
  return names?.names.items.length ?? 0;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ecdsaP256, true, ['sign', 'verify']);
}

/** Ends with a line break, as files do, so that PEM texts can be put one after another. */
function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem').trimEnd()}\n`;
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

function subjectOf(commonName: string): x509.JsonName {
  return [{ CN: [commonName] }];
}

function datesOf(validity: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(validity.fromMs), notAfter: new Date(validity.untilMs) };
}

function purposeOf(use: CertificateUse): string {
  return use.kind === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
}

function namesOf(use: CertificateUse): x509.JsonGeneralNames {
  if (use.kind === 'client') return [{ type: 'url', value: use.uri }];
  return use.names.map((name) => (isIP(name) === 0 ? { type: 'dns', value: name } : { type: 'ip', value: name }));
}

/** 16 random bytes, hex. The first is made positive (DER integers are signed) and never zero (no leading zeros). */
function serialNumber(random: Random): string {
  const bytes = random.bytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return Buffer.from(bytes).toString('hex');
}
