/**
 * The HTTP/2 stream under a server's call, which grpc-js keeps private. There is no other way to end a call whose client
 * does not read: its status waits behind the unread frames.
 */
import { constants } from 'node:http2';

/** Interceptors wrap a call in others; more than a few layers is a cycle. */
const MOST_LAYERS = 8;

/** Resets the stream of a server's call at once; whatever was not sent is lost. False where it could not be reached. */
export function resetServerStream(call: object): boolean {
  const stream = http2StreamOf(call);
  const close: unknown = stream === undefined ? undefined : Reflect.get(stream, 'close');
  if (stream === undefined || typeof close !== 'function') return false;
  Reflect.apply(close, stream, [constants.NGHTTP2_CANCEL]);
  return true;
}

function http2StreamOf(call: object): object | undefined {
  let layer: unknown = Reflect.get(call, 'call');
  for (let depth = 0; depth < MOST_LAYERS && typeof layer === 'object' && layer !== null; depth += 1) {
    const stream: unknown = Reflect.get(layer, 'stream');
    if (typeof stream === 'object' && stream !== null) return stream;
    layer = Reflect.get(layer, 'nextCall');
  }
  return undefined;
}
