/**
 * The connection to the control door: one HTTP/2 connection for all calls, opened with the first, kept alive by pings,
 * and opened anew by itself after a loss.
 */
import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import type { ConnectionSettings } from '../config/settings.ts';
import { RECEIVE_WINDOW_BYTES, withReceiveWindow } from './receive-window.ts';

/** The same as the agents': a dead path is noticed after 30 s, and no NAT forgets a connection that often used. */
const PING_INTERVAL_MS = 20_000;
const PING_TIMEOUT_MS = 10_000;

/** Typed calls of one service. */
export type ServiceClient<Service extends DescService> = Client<Service>;

/** The control door. Dispose it, or the connection keeps the process alive. */
export interface ControlDoor extends Disposable {
  /** Its origin, for messages. */
  readonly url: string;
  /** Calls of a service. Aborting a call's signal ends it. */
  client<Service extends DescService>(service: Service): ServiceClient<Service>;
}

/** Opens nothing yet: the first call does. */
export function openControlDoor(settings: ConnectionSettings): ControlDoor {
  const sessions = new Http2SessionManager(
    settings.url,
    { pingIntervalMs: PING_INTERVAL_MS, pingTimeoutMs: PING_TIMEOUT_MS },
    {
      settings: { initialWindowSize: RECEIVE_WINDOW_BYTES },
      ...(settings.caPem === undefined ? {} : { ca: settings.caPem }),
    },
  );
  const bearer: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${settings.token}`);
    return next(request);
  };
  const transport = createGrpcTransport({
    baseUrl: settings.url,
    sessionManager: withReceiveWindow(sessions),
    interceptors: [bearer],
    // Output is copied through: packing it would cost both sides more time than it saves on a fast link.
    acceptCompression: [],
  });
  return {
    url: settings.url,
    client: (service) => createClient(service, transport),
    [Symbol.dispose]: () => sessions.abort(),
  };
}
