/** The certificate request: proof that we hold the key. The names in it count for nothing; the orchestrator gives them. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { keyAlgorithm } from './key-store.ts';

/** A PKCS#10 request, DER, signed with the key. */
export async function certificateRequest(pair: webcrypto.CryptoKeyPair): Promise<Uint8Array> {
  const request = await Pkcs10CertificateRequestGenerator.create(
    { name: 'CN=muster-node', keys: pair, signingAlgorithm: keyAlgorithm },
    webcrypto,
  );
  return new Uint8Array(request.rawData);
}
