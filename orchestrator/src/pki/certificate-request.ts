// Judges what a machine sends to get a certificate: only its public key is taken, and only when the machine has proved
// that it holds the private one. Names, extensions and attributes of the request are not even looked at.
import 'reflect-metadata';
import { createHash, createPublicKey, webcrypto } from 'node:crypto';
import { AppError } from '@muster/common/errors/app-error';
import * as x509 from '@peculiar/x509';

/** A request of ours has about 200 bytes; 16 KiB leaves room for any tool's, and bounds the parser's work. */
const LARGEST_REQUEST_BYTES = 16 * 1024;
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1']);

/** A public key whose holder asked for a certificate. */
export interface RequestedKey {
  /** SPKI, DER. */
  readonly spki: Uint8Array;
  /** SHA-256 of it, hex. */
  readonly sha256: string;
}

/**
 * The key of a PKCS#10 request (DER): P-256, P-384 or Ed25519, the request signed with it.
 * @throws AppError invalid_argument naming `certificate_request`
 */
export async function readCertificateRequest(der: Uint8Array): Promise<RequestedKey> {
  if (der.byteLength === 0) throw unfit('is empty; send a PKCS#10 request in DER');
  if (der.byteLength > LARGEST_REQUEST_BYTES) {
    throw unfit(`is ${der.byteLength} bytes; at most ${LARGEST_REQUEST_BYTES} are read`);
  }
  const request = parsed(der);
  const spki = new Uint8Array(request.publicKey.rawData);
  requireFitKey(spki);
  if (!(await signedByItself(request))) throw unfit('is not signed with the key it names');
  return { spki, sha256: createHash('sha256').update(spki).digest('hex') };
}

function unfit(what: string, cause?: unknown): AppError {
  return new AppError('invalid_argument', what, { field: 'certificate_request', cause });
}

function parsed(der: Uint8Array): x509.Pkcs10CertificateRequest {
  try {
    // A view of the frame it came in would let the library read its neighbours.
    const request = new x509.Pkcs10CertificateRequest(Uint8Array.from(der));
    // Read here, because a malformed key throws only when it is looked at.
    void request.publicKey.rawData;
    return request;
  } catch (error) {
    throw unfit('is not a PKCS#10 request in DER', error);
  }
}

function requireFitKey(spki: Uint8Array): void {
  const kind = keyKindOf(spki);
  if (kind === 'ed25519' || CURVES.has(kind)) return;
  throw unfit(`has a key of kind ${kind}; use P-256, P-384 or Ed25519`);
}

function keyKindOf(spki: Uint8Array): string {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'unknown';
  } catch (error) {
    throw unfit('has a key that can not be read', error);
  }
}

async function signedByItself(request: x509.Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return await request.verify(webcrypto);
  } catch {
    return false;
  }
}
