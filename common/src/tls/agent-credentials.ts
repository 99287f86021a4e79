/** Credentials of the agent door for grpc-js: mutual TLS 1.3 on both ends, nothing else is let in. */
import { createSecureContext } from 'node:tls';
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import { MAX_CONCURRENT_STREAMS, RECEIVE_WINDOW_BYTES } from '../grpc/channel-options.ts';
import { secureContextOptions, type TlsIdentity } from './tls-files.ts';

/** The server's side. A subclass, because `createSsl` lets neither the TLS version nor HTTP/2 settings through. */
export class AgentDoorCredentials extends ServerCredentials {
  constructor(identity: TlsIdentity) {
    super(
      {
        requestCert: true,
        rejectUnauthorized: true,
        // Replaces the settings that grpc-js makes of its own options, so both stand here.
        settings: { initialWindowSize: RECEIVE_WINDOW_BYTES, maxConcurrentStreams: MAX_CONCURRENT_STREAMS },
      },
      secureContextOptions(identity),
    );
  }

  /** Takes new certificates into use for connections from now on. Open streams go on: end those of a revoked peer yourself. */
  replace(identity: TlsIdentity): void {
    this.updateSecureContextOptions(secureContextOptions(identity));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** The agent door's credentials: a client certificate of `caPem` is required. */
export function agentDoorServerCredentials(identity: TlsIdentity): AgentDoorCredentials {
  return new AgentDoorCredentials(identity);
}

/** The agent's credentials: trusts `caPem` only, shows its certificate, checks the server's name. */
export function agentChannelCredentials(identity: TlsIdentity): ChannelCredentials {
  return ChannelCredentials.createFromSecureContext(createSecureContext(secureContextOptions(identity)));
}
