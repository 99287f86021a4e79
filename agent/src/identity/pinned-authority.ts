/**
 * Finds the authority that the join token names. The connection made here trusts nobody and sends nothing: it only takes
 * the certificate chain that the server shows and looks for the one certificate with the token's digest.
 */

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { parseAddress } from '@muster/common/config/fields';
import { AppError } from '@muster/common/errors/app-error';
import { fingerprintOfDer } from '@muster/common/tls/fingerprint';

/** A chain is server, intermediate, root; longer than this is a cycle. */
const LONGEST_CHAIN = 8;

/**
 * The PEM of the authority with this digest, from the chain of the server at `address`. Abort closes the connection.
 * @throws AppError unavailable when nobody answers, permission_denied when the chain does not hold the authority
 */
export async function fetchPinnedAuthority(address: string, caSha256: string, signal: AbortSignal): Promise<string> {
  const chain = await fetchChain(address, signal);
  const authority = chain.find((each) => fingerprintOfDer(each) === caSha256);
  if (authority === undefined) {
    throw new AppError(
      'permission_denied',
      `the server at ${address} does not show the authority that the join token names; nothing was sent to it. Either another server answers at that address, or the token is of another orchestrator`,
    );
  }
  return new X509Certificate(authority).toString();
}

async function fetchChain(address: string, signal: AbortSignal): Promise<Uint8Array[]> {
  const { host, port } = parseAddress(address);
  const socket = connect({
    host,
    port,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2'],
    // Nothing is trusted and nothing is sent on this connection; the chain is judged by its digest.
    rejectUnauthorized: false,
    // Server names are host names only (RFC 6066).
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
  try {
    await secured(socket, address, signal);
    return chainOf(socket);
  } finally {
    socket.destroy();
  }
}

function secured(socket: TLSSocket, address: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    const settle = (end: () => void) => (): void => {
      signal.removeEventListener('abort', onAbort);
      end();
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('secureConnect', settle(resolve));
    socket.on('error', (error) => {
      settle(() =>
        reject(new AppError('unavailable', `cannot connect to ${address}: ${error.message}`, { cause: error })),
      )();
    });
    socket.once(
      'close',
      settle(() => reject(new AppError('unavailable', `${address} closed the connection`))),
    );
  });
}

function chainOf(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let at: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (at?.raw !== undefined && chain.length < LONGEST_CHAIN) {
    chain.push(at.raw);
    // A root is its own issuer.
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return chain;
}
