// A certificate and its private key in one file, so that the two can never be of different times.
import { X509Certificate } from 'node:crypto';
import { AppError } from '@muster/common/errors/app-error';
import type { KeyedCertificate } from './certificates.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/;
const PRIVATE_KEY = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n?/;

/** The file's text. A secret. */
export function joinPem(pair: KeyedCertificate): string {
  return `${pair.certPem.trimEnd()}\n${pair.keyPem.trimEnd()}\n`;
}

/**
 * Reads it.
 * @throws AppError data_loss naming the path; the contents are never shown
 */
export function splitPem(path: string, bytes: Uint8Array): KeyedCertificate {
  const text = new TextDecoder().decode(bytes);
  const [certPem] = CERTIFICATE.exec(text) ?? [];
  const [keyPem] = PRIVATE_KEY.exec(text) ?? [];
  if (certPem === undefined || keyPem === undefined || !isCertificate(certPem)) {
    throw new AppError('data_loss', `${path} does not hold a certificate and its key; restore it from a backup`);
  }
  return { certPem, keyPem };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.byteLength > 0;
  } catch {
    return false;
  }
}
