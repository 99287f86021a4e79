/** As much gRPC as a simulated agent needs, on node:http2 alone: thousands of real clients would not fit with a full library each. */
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { connect } from 'node:http2';
import { connect as connectTls, type SecureContextOptions } from 'node:tls';

/** Compressed-flag and length before each message. */
const PREFIX_BYTES = 5;

/** Whom to trust and who we are, and the address of this machine that the connection comes from. */
export interface SessionOptions extends SecureContextOptions {
  readonly localAddress: string;
}

/** Opens a connection to https://host:port; resolves when it is usable. */
export function openSession(url: string, options: SessionOptions): Promise<ClientHttp2Session> {
  const { hostname, port } = new URL(url);
  const session = connect(url, {
    createConnection: () =>
      connectTls({ ...options, host: hostname, port: Number(port), servername: 'localhost', ALPNProtocols: ['h2'] }),
  });
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    session.once('remoteSettings', () => {
      session.off('error', reject);
      resolve(session);
    });
  });
}

/** Starts a call; `onMessage` gets each message, `onEnd` why it is over. */
export function startCall(
  session: ClientHttp2Session,
  path: string,
  onMessage: (message: Uint8Array) => void,
  onEnd: (reason: string) => void,
): ClientHttp2Stream {
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request(headers, { endStream: false });
  let pending: Buffer = Buffer.alloc(0);
  let status = 'no status';
  const takeStatus = (fields: { readonly 'grpc-status'?: unknown; readonly 'grpc-message'?: unknown }): void => {
    if (fields['grpc-status'] !== undefined)
      status = `${String(fields['grpc-status'])} ${String(fields['grpc-message'] ?? '')}`;
  };
  stream.on('response', takeStatus);
  stream.on('trailers', takeStatus);
  stream.on('error', (error) => {
    status = error.message;
  });
  stream.on('close', () => onEnd(status));
  stream.on('data', (data: Buffer) => {
    pending = pending.length === 0 ? data : Buffer.concat([pending, data]);
    while (pending.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + pending.readUInt32BE(1);
      if (pending.length < end) break;
      onMessage(pending.subarray(PREFIX_BYTES, end));
      pending = pending.subarray(end);
    }
  });
  return stream;
}

/** Writes one message. */
export function sendMessage(stream: ClientHttp2Stream, message: Uint8Array): void {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  stream.write(frame);
}

/** One call with one answer. @throws Error with the status where it failed */
export function callOnce(session: ClientHttp2Session, path: string, message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const stream = startCall(session, path, resolve, (status) => reject(new Error(`${path}: ${status}`)));
    sendMessage(stream, message);
    stream.end();
  });
}
