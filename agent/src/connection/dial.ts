/** Opens a stream to the agent door: the agent's only gRPC client. Each dial is a connection of its own. */
import { Client } from '@grpc/grpc-js';
import { agentChannelOptions } from '@muster/common/grpc/channel-options';
import { clientFrameChannel, type FrameChannel } from '@muster/common/grpc/frame-channel';
import { methodDefinition } from '@muster/common/grpc/service-definition';
import { agentChannelSecurity } from '@muster/common/tls/agent-credentials';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import { AgentService, type ConnectRequest, type ConnectResponse } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { encodeConnectRequest } from './log-frame-encoder.ts';

/** A stream and the connection under it; disposing closes the connection, which breaks a stream that still lives. */
export interface Connection extends Disposable {
  readonly channel: FrameChannel<ConnectResponse, ConnectRequest>;
}

/** Opens a stream to host:port. Returns at once: that nobody answers is learnt by reading. */
export type Dial = (address: string) => Connection;

const connectMethod = methodDefinition(AgentService.method.connect, { serializeRequest: encodeConnectRequest });

/** Dials with the node's certificate; the server's name and authority are checked. */
export function dialer(identity: TlsIdentity): Dial {
  return (address) => {
    const { credentials, options } = agentChannelSecurity(identity, address);
    const client = new Client(address, credentials, { ...agentChannelOptions, ...options });
    const { path, requestSerialize, responseDeserialize } = connectMethod;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    return { channel: clientFrameChannel(stream), [Symbol.dispose]: () => client.close() };
  };
}
