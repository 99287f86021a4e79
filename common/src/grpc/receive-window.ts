/**
 * Raises the HTTP/2 windows of a grpc-js server. Its own option for it acts on clients only, so the window of a stream
 * is set by the credentials (see agent-credentials.ts) and the window of the connection here, through a private
 * field: the only way in 1.14. A version that hides it fails at start, not silently slow.
 */
import { EventEmitter } from 'node:events';
import type { Server } from '@grpc/grpc-js';
import { AppError } from '../errors/app-error.ts';

/** Call it once after `bindAsync`: each connection from then on gets a window of `windowBytes`. */
export function applyReceiveWindow(server: Server, windowBytes: number): void {
  const listeners: unknown = Reflect.get(server, 'http2Servers');
  if (!(listeners instanceof Map) || listeners.size === 0) {
    throw new AppError('internal', 'cannot set the receive window: the server is not bound, or grpc-js has changed');
  }
  for (const listener of listeners.keys()) {
    if (listener instanceof EventEmitter) listener.on('session', (session: unknown) => raise(session, windowBytes));
  }
}

function raise(session: unknown, windowBytes: number): void {
  if (typeof session !== 'object' || session === null || Reflect.get(session, 'destroyed') === true) return;
  const setLocalWindowSize: unknown = Reflect.get(session, 'setLocalWindowSize');
  if (typeof setLocalWindowSize === 'function') Reflect.apply(setLocalWindowSize, session, [windowBytes]);
}
