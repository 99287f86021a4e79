/** The agent door: the grpc-js server that agents connect to, over TLS 1.3 with a client certificate, always. */
import { logVerbosity, Server, type ServerDuplexStream, setLogVerbosity } from '@grpc/grpc-js';
import { AppError } from '@muster/common/errors/app-error';
import type { ReportIncident } from '@muster/common/errors/wire-details';
import { agentDoorServerOptions, RECEIVE_WINDOW_BYTES } from '@muster/common/grpc/channel-options';
import { serverFrameChannel } from '@muster/common/grpc/frame-channel';
import { applyReceiveWindow } from '@muster/common/grpc/receive-window';
import { serviceDefinition } from '@muster/common/grpc/service-definition';
import type { Random } from '@muster/common/random/random';
import { type AgentDoorCredentials, agentDoorServerCredentials } from '@muster/common/tls/agent-credentials';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import { AgentService, type ConnectRequest, type ConnectResponse } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { serveAgent } from './serve-agent.ts';
import type { SessionDeps } from './session-deps.ts';

/** Where and how the door listens. */
export interface AgentDoorOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly identity: TlsIdentity;
}

/** A restart takes a second or two; agents come back spread over the five after the first, so that not all dial at once. */
const RETRY_AFTER_MS = { least: 1_000, most: 5_000 };
/** Time for goodbyes and what is held at a shutdown; then the rest is cut off. */
const CLOSE_WITHIN_MS = 3_000;

/** The open door. */
export class AgentDoor implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly #server: Server;
  readonly #credentials: AgentDoorCredentials;
  readonly #deps: SessionDeps;
  readonly #random: Random;

  constructor(parts: {
    readonly server: Server;
    readonly credentials: AgentDoorCredentials;
    readonly deps: SessionDeps;
    readonly random: Random;
    readonly host: string;
    readonly port: number;
  }) {
    this.#server = parts.server;
    this.#credentials = parts.credentials;
    this.#deps = parts.deps;
    this.#random = parts.random;
    this.host = parts.host;
    this.port = parts.port;
  }

  /** Takes new certificates into use for connections from now on. */
  replaceIdentity(identity: TlsIdentity): void {
    this.#credentials.replace(identity);
  }

  /** Says goodbye to all agents and closes; what is not done after 3 s is cut off. */
  async close(): Promise<void> {
    const spreadMs = RETRY_AFTER_MS.most - RETRY_AFTER_MS.least;
    for (const session of [...this.#deps.registry.all()]) {
      const retryAfterMs = RETRY_AFTER_MS.least + this.#random.next() * spreadMs;
      session.end('shutdown', 'the orchestrator shuts down', retryAfterMs);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const force = this.#deps.clock.schedule(CLOSE_WITHIN_MS, () => {
      this.#server.forceShutdown();
      resolve();
    });
    this.#server.tryShutdown(() => resolve());
    await promise;
    force[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Opens the door.
 * @throws AppError failed_precondition where the address cannot be listened on
 */
export async function openAgentDoor(deps: SessionDeps, random: Random, options: AgentDoorOptions): Promise<AgentDoor> {
  const server = new Server(agentDoorServerOptions);
  server.addService(serviceDefinition(AgentService), { connect: connectHandler(deps) });
  const credentials = agentDoorServerCredentials(options.identity);
  const port = await bind(server, credentials, options);
  applyReceiveWindow(server, RECEIVE_WINDOW_BYTES);
  return new AgentDoor({ server, credentials, deps, random, host: options.host, port });
}

function bind(server: Server, credentials: AgentDoorCredentials, { host, port }: AgentDoorOptions): Promise<number> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  // It would write the failure to stderr by itself, in its own words, besides telling us.
  setLogVerbosity(logVerbosity.NONE);
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) {
        resolve(bound);
        return;
      }
      // grpc-js keeps the reason in its text alone.
      const why = /\bE[A-Z]{3,}\b/.exec(error.message)?.[0] ?? 'unknown reason';
      const text = `the agent door can not listen on ${address} (${why}); free it or choose another with --agent-listen`;
      reject(new AppError('failed_precondition', text, { cause: error }));
    });
  });
}

function connectHandler(deps: SessionDeps): (call: ServerDuplexStream<ConnectRequest, ConnectResponse>) => void {
  const report: ReportIncident = (error) => {
    const incident = deps.ids.next();
    deps.logger.error({ incident, error }, 'a session failed by our own fault');
    return incident;
  };
  return (call) => {
    // Made before anything waits: frames and errors may come at once.
    const channel = serverFrameChannel(call, { report, clock: deps.clock });
    const facts = { certificate: call.getAuthContext()?.sslPeerCertificate, address: call.getPeer() };
    serveAgent(deps, channel, facts).catch((error: unknown) => channel.abort(AppError.from(error)));
  };
}
