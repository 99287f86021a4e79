/** The one call that makes a machine a node, over TLS that trusts exactly the authority the join token names. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { AppError } from '@muster/common/errors/app-error';
import { fromConnectError } from '@muster/common/errors/connect-status';
import { asNodeId } from '@muster/common/ids/ids';
import {
  EnrollmentService,
  type EnrollRequest,
  EnrollRequestSchema,
} from '@muster/gen/muster/enrollment/v1/enrollment_service_pb';
import type { NodeRecord } from './node-record.ts';
import { fetchPinnedAuthority } from './pinned-authority.ts';

/** What is asked for. */
export type EnrollRequestInit = MessageInitShape<typeof EnrollRequestSchema>;

/** Enrols at one address; see joinCluster for the order of addresses and for retries. */
export type EnrollAt = (
  address: string,
  caSha256: string,
  request: EnrollRequestInit,
  signal: AbortSignal,
) => Promise<NodeRecord>;

/**
 * Finds the authority, then calls Enroll with normal checking of the server's name. Abort ends either.
 * @throws AppError unavailable where another try makes sense; anything else is final
 */
export const enrollAt: EnrollAt = async (address, caSha256, request, signal) => {
  const caPem = await fetchPinnedAuthority(address, caSha256, signal);
  const transport = createGrpcTransport({
    baseUrl: `https://${address}`,
    nodeOptions: { ca: caPem, minVersion: 'TLSv1.2' },
  });
  const client = createClient(EnrollmentService, transport);
  try {
    const filled: EnrollRequest = create(EnrollRequestSchema, request);
    const reply = await client.enroll(filled, { signal });
    if (reply.agentAddresses.length === 0)
      throw new AppError('internal', `${address} named no address of the agent door`);
    return {
      nodeId: asNodeId(reply.nodeId),
      nodeName: reply.nodeName,
      agentAddresses: reply.agentAddresses,
      caBundlePem: reply.caBundlePem,
      certificatePem: reply.certificatePem,
    };
  } catch (error) {
    throw enrollError(error, address);
  }
};

function enrollError(error: unknown, address: string): AppError {
  if (error instanceof AppError) return error;
  const failure = fromConnectError(error);
  if (error instanceof ConnectError && /ALTNAME|altnames/i.test(error.message)) {
    const text = `the certificate of the server at ${address} is not for that name; use an address that the orchestrator advertises`;
    return new AppError('permission_denied', text, { cause: error });
  }
  if (error instanceof ConnectError && error.code === Code.Unimplemented) {
    return new AppError('failed_precondition', `${address} is no control door of an orchestrator`, { cause: error });
  }
  return failure;
}
