/** Credentials of the agent door for grpc-js: mutual TLS 1.3 on both ends, nothing else is let in. */
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import { ChannelCredentials, type ChannelOptions, ServerCredentials } from '@grpc/grpc-js';
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

/** What a client of the agent door is made with. */
export interface AgentChannelSecurity {
  readonly credentials: ChannelCredentials;
  /** To be given to the client beside its own. */
  readonly options: ChannelOptions;
}

/** Sent as the server's name where there is none: TLS has no place for an IP address there (RFC 6066), and Node says so on stderr. */
const NAMELESS = 'agent-door.invalid';

/**
 * The agent's side for the address HOST:PORT: trusts `caPem` only, shows its certificate, and wants the server's to be
 * for HOST, a name or an IP address.
 */
export function agentChannelSecurity(identity: TlsIdentity, address: string): AgentChannelSecurity {
  const context = createSecureContext(secureContextOptions(identity));
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  if (isIP(host) === 0) return { credentials: ChannelCredentials.createFromSecureContext(context), options: {} };
  const credentials = ChannelCredentials.createFromSecureContext(context, {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
  return { credentials, options: { 'grpc.ssl_target_name_override': NAMELESS } };
}
