// The control door: one TLS port for people and services. gRPC, gRPC-Web and Connect JSON over HTTP/2 and HTTP/1.1; who may
// call what is decided before a body is read; what one caller may take up is bounded.
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { Code, ConnectError, createConnectRouter, type HandlerContext } from '@connectrpc/connect';
import type { Clock } from '@muster/common/clock/clock';
import { AppError, errnoOf, errorChain } from '@muster/common/errors/app-error';
import { toConnectError } from '@muster/common/errors/connect-status';
import type { ReportIncident } from '@muster/common/errors/wire-details';
import type { Ids } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import type { ApiKeys } from '../access/api-keys.ts';
import { type AuthGateDeps, admit } from './auth-gate.ts';
import { logCall } from './call-log.ts';
import { callInterceptor } from './interceptors.ts';
import { leastRoles, methodName } from './method-roles.ts';
import { nodeHandler } from './node-handler.ts';
import type { ServedService } from './served-service.ts';

/** A script is 1 MiB at most and stdin too; with all the rest a job fits twice. */
const LARGEST_MESSAGE_BYTES = 4 * 1024 * 1024;
/** What a caller may send before we have read it; the default of 64 KiB bounds an upload by the distance. */
const WINDOW_BYTES = 1024 * 1024;
/** Calls at once on one connection; gRPC's usual bound. */
const MOST_STREAMS = 100;
/** Connections at once. Agents have a door of their own, but the process has one limit of open files for both. */
const MOST_CONNECTIONS = 4096;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A connection without calls is closed after this; clients make a new one when they need it. */
const IDLE_TIMEOUT_MS = 5 * 60_000;
/** TCP asks a silent peer after this, so that readers whose machine vanished are noticed. */
const KEEPALIVE_MS = 30_000;
/** How long calls may take to end when the door closes; then their connections are cut. */
const CLOSE_GRACE_MS = 5_000;

/** What the door needs. */
export interface ControlDoorDeps {
  readonly keys: Pick<ApiKeys, 'authenticate'>;
  readonly services: readonly ServedService[];
  /** The authority is shown with the certificate: a machine that enrols finds it by the digest in its join token. */
  readonly tls: TlsIdentity;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
}

/** An open door. Disposing drains: no new calls, streams end with UNAVAILABLE, what is left after a grace is cut. */
export interface ControlDoor extends AsyncDisposable {
  /** The port in use; differs from the wanted one where that was 0. */
  readonly port: number;
}

/**
 * Opens the door.
 * @throws AppError failed_precondition when the address is taken or not ours; internal when a method names no least role
 */
export async function openControlDoor(
  deps: ControlDoorDeps,
  listen: { readonly host: string; readonly port: number },
): Promise<ControlDoor> {
  const ending = new AbortController();
  const router = routerOf(deps, ending.signal);
  const server = createSecureServer({
    allowHTTP1: true,
    cert: `${deps.tls.certPem.trimEnd()}\n${deps.tls.caPem}`,
    key: deps.tls.keyPem,
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    settings: { initialWindowSize: WINDOW_BYTES, maxConcurrentStreams: MOST_STREAMS },
  });
  server.maxConnections = MOST_CONNECTIONS;
  const sessions = watchConnections(server, deps.logger);
  const handle = nodeHandler(router, deps);
  server.on('request', handle);
  const port = await listening(server, listen);
  return {
    port,
    [Symbol.asyncDispose]: () => closed(server, sessions, ending, deps.clock),
  };
}

function routerOf(deps: ControlDoorDeps, ending: AbortSignal): ReturnType<typeof createConnectRouter> {
  const report = reportIncident(deps);
  const gate: AuthGateDeps = { keys: deps.keys, roles: leastRoles(deps.services.map((each) => each.service)) };
  const router = createConnectRouter({
    readMaxBytes: LARGEST_MESSAGE_BYTES,
    // Connect would gzip what is over 1 KiB: logs then cost more processor time than network.
    acceptCompression: [],
    shutdownSignal: ending,
    interceptors: [callInterceptor({ clock: deps.clock, logger: deps.logger, report, ending })],
    requestGate: (context) => pass(deps, gate, report, context),
  });
  for (const each of deps.services) each.register(router);
  return router;
}

async function pass(
  deps: ControlDoorDeps,
  gate: AuthGateDeps,
  report: ReportIncident,
  context: HandlerContext,
): Promise<void> {
  const startMs = deps.clock.monotonicMs();
  const refuse = (thrown: unknown, reason: string): never => {
    const error = toConnectError(thrown, report);
    const ms = deps.clock.monotonicMs() - startMs;
    logCall(deps.logger, { method: methodName(context.method), values: context.values, ms, error, reason });
    throw error;
  };
  const admission = await admit(gate, context).catch((error: unknown) => refuse(error, 'the gate failed'));
  if (admission.kind === 'refused') refuse(admission.error, admission.reason);
}

/** Internal errors leave as a number; the rest of them stays in the log under it. */
function reportIncident(deps: ControlDoorDeps): ReportIncident {
  return (error) => {
    const incident = deps.ids.next();
    deps.logger.error({ incident, err: error }, 'internal error');
    return incident;
  };
}

interface Connections {
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  readonly sockets: ReadonlySet<Socket>;
}

function watchConnections(server: Http2SecureServer, logger: Logger): Connections {
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', (error) => logger.debug({ reason: errorChain(error) }, 'connection failed'));
    session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    // Ends the connection once its calls have ended, and only then.
    session.setTimeout(IDLE_TIMEOUT_MS, () => session.close());
  });
  const failed = (error: Error): void => logger.debug({ reason: errorChain(error) }, 'connection failed');
  server.on('tlsClientError', failed);
  server.on('sessionError', failed);
  return { sessions, sockets };
}

function listening(
  server: Http2SecureServer,
  listen: { readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      const why = errnoOf(error) ?? 'unknown reason';
      const text = `the control door can not listen on ${listen.host}:${listen.port} (${why}); free it or choose another with --control-listen`;
      reject(new AppError('failed_precondition', text, { cause: error }));
    };
    server.once('error', onError);
    server.listen({ host: listen.host, port: listen.port }, () => {
      server.off('error', onError);
      const address = server.address();
      resolve(isAddressInfo(address) ? address.port : listen.port);
    });
  });
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

async function closed(
  server: Http2SecureServer,
  connections: Connections,
  ending: AbortController,
  clock: Clock,
): Promise<void> {
  const gone = new Promise<void>((resolve) => server.close(() => resolve()));
  ending.abort(new ConnectError('the orchestrator is ending; try again in a moment', Code.Unavailable));
  for (const session of connections.sessions) session.close();
  const cut = (): void => {
    for (const socket of connections.sockets) socket.destroy();
  };
  using _grace = clock.schedule(CLOSE_GRACE_MS, cut, { ref: true });
  await gone;
}
