/** How a certificate is named in tokens, logs and comparisons: SHA-256 over its DER bytes, lowercase hex. */
import { createHash, X509Certificate } from 'node:crypto';

/** The fingerprint of DER bytes. */
export function fingerprintOfDer(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

/** The fingerprint of the first certificate in a PEM text. Throws what node:crypto throws when there is none. */
export function fingerprintOfPem(pem: string): string {
  return fingerprintOfDer(new X509Certificate(pem).raw);
}
