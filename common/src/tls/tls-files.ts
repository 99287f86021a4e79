/** A certificate with its key, and the TLS settings that every listener and client of ours shares. */
import type { SecureContextOptions } from 'node:tls';

/** A certificate (or chain) with its key and the authorities that the peer must come from, all as PEM text. */
export interface TlsIdentity {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** TLS 1.3 and nothing older: both ends are ours. Set on every context anew, because replacing one resets it. */
export function secureContextOptions(identity: TlsIdentity): SecureContextOptions {
  return { ca: identity.caPem, cert: identity.certPem, key: identity.keyPem, minVersion: 'TLSv1.3' };
}
