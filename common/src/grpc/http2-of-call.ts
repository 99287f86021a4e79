/**
 * The HTTP/2 stream under a server's call, which grpc-js keeps private: there is no other way to end a call whose
 * client does not read, because its status waits behind the unread frames.
 */
import { constants } from 'node:http2';

/** Interceptors wrap a call in others; more than a few layers is a cycle. */
const MOST_LAYERS = 8;

/** Resets the stream of a server's call at once; whatever was not sent is lost. False where it could not be reached. */
export function resetServerStream(call: object): boolean {
  let layer: unknown = Reflect.get(call, 'call');
  for (let depth = 0; depth < MOST_LAYERS && typeof layer === 'object' && layer !== null; depth += 1) {
    const stream: unknown = Reflect.get(layer, 'stream');
    if (typeof stream === 'object' && stream !== null) return closeWith(stream, constants.NGHTTP2_CANCEL);
    layer = Reflect.get(layer, 'nextCall');
  }
  return false;
}

function closeWith(stream: object, code: number): boolean {
  const close: unknown = Reflect.get(stream, 'close');
  if (typeof close !== 'function') return false;
  Reflect.apply(close, stream, [code]);
  return true;
}
