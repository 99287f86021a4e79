/** Certificates for tests: an authority, servers, nodes, a stranger's authority, expired ones. ECDSA P-256, real X.509. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { asNodeId } from '@muster/common/ids/ids';
import { nodeIdentityUri } from '@muster/common/tls/node-identity';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** A certificate with its key, and the authority that made it. */
export type TestCertificate = TlsIdentity;

/** What may be wrong with a certificate. */
export interface CertificateOptions {
  /** Its validity ended a day ago. */
  readonly expired?: boolean;
}

/** An authority for tests. */
export interface TestCa {
  readonly cluster: string;
  readonly caPem: string;
  /** For `localhost`, 127.0.0.1, ::1 and the names given. */
  server(names?: readonly string[], options?: CertificateOptions): Promise<TestCertificate>;
  /** For a node's agent. */
  node(nodeId: string, options?: CertificateOptions): Promise<TestCertificate>;
  /** For a client whose certificate names no node. */
  nameless(): Promise<TestCertificate>;
}

/** Makes an authority; a second one is a stranger to the first. */
export async function testCa(cluster = 'test'): Promise<TestCa> {
  const keys = await newKeys();
  const caCertificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: `CN=${cluster} test authority`,
      ...validity(false),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    },
    webcrypto,
  );
  const caPem = caCertificate.toString('pem');
  const issue = async (
    subject: string,
    purpose: string,
    names: x509.JsonGeneralNames,
    options?: CertificateOptions,
  ): Promise<TestCertificate> => {
    const own = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: serialNumber(),
        subject,
        issuer: caCertificate.subject,
        ...validity(options?.expired === true),
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.ExtendedKeyUsageExtension([purpose]),
          ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
        ],
      },
      webcrypto,
    );
    return { caPem, certPem: certificate.toString('pem'), keyPem: await privatePem(own.privateKey) };
  };
  return {
    cluster,
    caPem,
    server: (names = [], options) =>
      issue('CN=localhost', x509.ExtendedKeyUsage.serverAuth, serverNames(names), options),
    node: (nodeId, options) =>
      issue(
        `CN=${nodeId}`,
        x509.ExtendedKeyUsage.clientAuth,
        [{ type: 'url', value: nodeIdentityUri(cluster, asNodeId(nodeId)) }],
        options,
      ),
    nameless: () => issue('CN=nobody', x509.ExtendedKeyUsage.clientAuth, []),
  };
}

function serverNames(names: readonly string[]): x509.JsonGeneralNames {
  return [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
    ...names.map((value) => ({ type: 'dns' as const, value })),
  ];
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** 16 random bytes; the first below 0x80, since DER integers are signed, and never zero. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return Buffer.from(bytes).toString('hex');
}

function validity(expired: boolean): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now();
  return { notBefore: new Date(nowMs - 30 * DAY_MS), notAfter: new Date(nowMs + (expired ? -1 : 30) * DAY_MS) };
}
