/** PEM files, and the TLS settings that every listener and client of ours shares. */
import { readFile } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';
import { AppError, errnoOf } from '../errors/app-error.ts';

/** A certificate (or chain) with its key and the authorities that the peer must come from, all as PEM text. */
export interface TlsIdentity {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/**
 * Reads a PEM file.
 * @throws AppError not_found, or invalid_argument when it holds no PEM; the text of the file is never shown
 */
export async function readPem(path: string): Promise<string> {
  const text = await readText(path);
  if (text.includes('-----BEGIN ')) return text;
  throw new AppError('invalid_argument', `${path} is not a PEM file (no "-----BEGIN" line)`);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = errnoOf(error) === 'ENOENT' ? 'not_found' : 'failed_precondition';
    throw new AppError(code, `cannot read ${path}: ${errnoOf(error) ?? 'unknown reason'}`, { cause: error });
  }
}

/** TLS 1.3 and nothing older: both ends are ours. Set on every context anew, because replacing one resets it. */
export function secureContextOptions(identity: TlsIdentity): SecureContextOptions {
  return { ca: identity.caPem, cert: identity.certPem, key: identity.keyPem, minVersion: 'TLSv1.3' };
}
