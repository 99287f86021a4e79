/** A real agent door for tests: grpc-js over mutual TLS, the real service, the handler of the test. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  Metadata,
  Server,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import {
  AgentService,
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
  ConnectResponseSchema,
} from '@muster/gen/muster/agent/v1/agent_service_pb';
import { type TestCa, type TestCertificate, testCa } from '@muster/testing/test-pki';
import { type Clock, systemClock } from '../clock/clock.ts';
import { AgentDoorCredentials, agentChannelSecurity } from '../tls/agent-credentials.ts';
import { agentChannelOptions, agentDoorServerOptions, RECEIVE_WINDOW_BYTES } from './channel-options.ts';
import { clientFrameChannel, type FrameChannel, serverFrameChannel } from './frame-channel.ts';
import { applyReceiveWindow } from './receive-window.ts';
import { methodDefinition, serviceDefinition } from './service-definition.ts';

const NODE_ID = '01arz3ndektsv4rrffq69g5fav';

export type AgentEnd = FrameChannel<ConnectResponse, ConnectRequest>;
export type DoorEnd = FrameChannel<ConnectRequest, ConnectResponse>;

/** What a test may use. */
export interface Door extends AsyncDisposable {
  readonly ca: TestCa;
  readonly port: number;
  readonly server: Server;
  readonly credentials: AgentDoorCredentials;
  readonly node: TestCertificate;
  /** Internal errors that were shown as numbers. */
  readonly incidents: readonly Error[];
  /** A stream of an agent's, with the raw grpc-js stream beside it. */
  dial(
    identity?: TestCertificate,
    port?: number,
    options?: ChannelOptions,
    host?: string,
  ): { channel: AgentEnd; raw: ClientDuplexStream<ConnectRequest, ConnectResponse> };
}

/** Opens a door whose `connect` is `handle`. */
export async function openDoor(
  handle: (channel: DoorEnd, raw: ServerDuplexStream<ConnectRequest, ConnectResponse>) => void,
  clock: Clock = systemClock,
): Promise<Door> {
  const ca = await testCa();
  const node = await ca.node(NODE_ID);
  const credentials = new AgentDoorCredentials(await ca.server());
  const incidents: Error[] = [];
  const server = new Server(agentDoorServerOptions);
  server.addService(serviceDefinition(AgentService), {
    connect: (stream: ServerDuplexStream<ConnectRequest, ConnectResponse>) => {
      const report = (error: Error): string => `incident-${incidents.push(error)}`;
      handle(serverFrameChannel(stream, { report, clock }), stream);
    },
  });
  const port = await bind(server, credentials);
  applyReceiveWindow(server, RECEIVE_WINDOW_BYTES);
  const clients = new Set<Client>();
  return {
    ca,
    port,
    server,
    credentials,
    node,
    incidents,
    dial(identity = node, at = port, options = agentChannelOptions, host = '127.0.0.1') {
      const security = agentChannelSecurity(identity, `${host}:${at}`);
      const client = new Client(`${host}:${at}`, security.credentials, { ...options, ...security.options });
      clients.add(client);
      const { path, requestSerialize, responseDeserialize } = methodDefinition(AgentService.method.connect);
      const raw = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata(), {});
      return { raw, channel: clientFrameChannel(raw) };
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      server.forceShutdown();
    },
  };
}

function bind(server: Server, credentials: AgentDoorCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    // On all addresses, so that a test can come to one that the certificate does not name.
    server.bindAsync('0.0.0.0:0', credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}

/** A frame of an agent's. */
export function up(
  sequence: number,
  message?: MessageInitShape<typeof ConnectRequestSchema>['message'],
): ConnectRequest {
  return create(ConnectRequestSchema, { sequence: BigInt(sequence), ...(message === undefined ? {} : { message }) });
}

/** A frame of the orchestrator's. */
export function down(sequence: number): ConnectResponse {
  return create(ConnectResponseSchema, { sequence: BigInt(sequence) });
}

/** An agent's frame that carries `sizeBytes` of output. */
export function chunk(sequence: number, sizeBytes: number): ConnectRequest {
  return up(sequence, { case: 'logChunk', value: { data: new Uint8Array(sizeBytes).fill(sequence % 256) } });
}

/** An orchestrator's frame of about `sizeBytes`. */
export function bulkyDown(sequence: number, sizeBytes: number): ConnectResponse {
  const message = { case: 'goodbye' as const, value: { message: 'x'.repeat(sizeBytes) } };
  return create(ConnectResponseSchema, { sequence: BigInt(sequence), message });
}
