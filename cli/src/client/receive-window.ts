/**
 * A connection with room for 1 MiB on its way to us. Node grants 64 KiB, which at a round trip of 20 ms lets only
 * 3 MB/s of output through. The window of a stream is a setting, that of the connection can only be raised on the open
 * session, which connect-node shows through its streams.
 */
import type { ClientHttp2Stream, Http2Session } from 'node:http2';
import type { GrpcTransportOptions, Http2SessionManager } from '@connectrpc/connect-node';
import { readEarly } from '@muster/common/http2/early-reading';

/** 1 MiB: 50 MB/s at 20 ms. */
export const RECEIVE_WINDOW_BYTES = 1024 * 1024;

/** What connect-node asks of the keeper of a connection. */
type SessionManager = NonNullable<GrpcTransportOptions['sessionManager']>;

/** Hands the streams of `inner` on, read from the first, and widens each new session. */
export function withReceiveWindow(inner: Http2SessionManager): SessionManager {
  const widened = new WeakSet<Http2Session>();
  return {
    authority: inner.authority,
    notifyResponseByteRead: (stream: ClientHttp2Stream) => inner.notifyResponseByteRead(stream),
    async request(method, path, headers, options) {
      const stream = await inner.request(method, path, headers, options);
      readEarly(stream);
      const session = stream.session;
      if (session !== undefined && !widened.has(session) && !session.destroyed) {
        widened.add(session);
        session.setLocalWindowSize(RECEIVE_WINDOW_BYTES);
      }
      return stream;
    },
  };
}
