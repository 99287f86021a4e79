/** The node's private key: made on the node, never leaves it. P-256, because every TLS stack and CA here takes it. */
import { createPrivateKey, webcrypto } from 'node:crypto';
import { writeFileAtomic } from '@muster/common/disk/atomic-write';
import type { Disk } from '@muster/common/disk/disk';
import { AppError } from '@muster/common/errors/app-error';

/** What `@peculiar/x509` and WebCrypto call the key. */
export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A key pair, and the private half as PEM for TLS. */
export interface NodeKey {
  readonly pair: webcrypto.CryptoKeyPair;
  readonly pem: string;
}

/**
 * Reads the key, or makes and keeps one (0600) where there is none: a repeated enrolment shows the same key.
 * @throws AppError data_loss when the file holds no P-256 key
 */
export async function openNodeKey(disk: Disk, path: string): Promise<NodeKey> {
  const stored = await disk.readFile(path);
  if (stored !== undefined) return importKey(new TextDecoder().decode(stored), path);
  const pair = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey));
  const pem = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
  const text = pem.toString();
  await writeFileAtomic(disk, path, text, 0o600);
  return { pair, pem: text };
}

async function importKey(pem: string, path: string): Promise<NodeKey> {
  try {
    const key = createPrivateKey(pem);
    const jwk = key.export({ format: 'jwk' });
    const { d: _private, ...publicJwk } = jwk;
    const privateKey = await webcrypto.subtle.importKey('jwk', jwk, keyAlgorithm, true, ['sign']);
    const publicKey = await webcrypto.subtle.importKey('jwk', publicJwk, keyAlgorithm, true, ['verify']);
    return { pair: { privateKey, publicKey }, pem };
  } catch (error) {
    throw new AppError('data_loss', `${path} holds no P-256 key; move it and node.json away and enroll anew`, {
      cause: error,
    });
  }
}
