// Makes a machine a node. The certificate is signed before the transaction that consumes the token, because signing is
// asynchronous and the transaction is not; a certificate whose transaction does not commit is thrown away, and the agent
// door lets in only certificates that the store knows.
import type { Clock } from '@muster/common/clock/clock';
import { AppError, isAppError } from '@muster/common/errors/app-error';
import { asNodeId, type Ids, type NodeId } from '@muster/common/ids/ids';
import { type JoinToken, parseJoinToken } from '@muster/common/join-token/join-token';
import type { Logger } from '@muster/common/logging/logger';
import { type Problem, throwProblems } from '../domain/problem.ts';
import { labelProblems } from '../domain/selector.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { readCertificateRequest } from './certificate-request.ts';
import type { EnrollmentStore, IssueResult } from './enrollment-store.ts';
import { secretSha256 } from './secret-hash.ts';

/** What every refusal says: it must not help to tell a wrong token from a used one. */
export const REFUSAL = 'join token not valid: ask for a new one with `muster token create`';

const NODE_NAME = /^[a-z0-9.-]{1,63}$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;
/** Longest hostname that systems allow. */
const LONGEST_HOSTNAME = 253;

/** What a machine sends. */
export interface EnrollRequest {
  readonly joinToken: string;
  readonly certificateRequest: Uint8Array;
  /** Empty: the hostname. */
  readonly name: string;
  readonly hostname: string;
  readonly machineIdHash: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where it comes from, for the log. */
  readonly address: string;
}

/** The machine is a node. */
export interface Enrolled {
  readonly nodeId: NodeId;
  readonly nodeName: string;
  readonly certificatePem: string;
  readonly caPem: string;
  readonly agentAddresses: readonly string[];
  readonly expiresAtMs: number;
}

/** What enrolling needs. */
export interface EnrollDeps {
  readonly authority: CertificateAuthority;
  readonly store: Pick<EnrollmentStore, 'issue'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Where the agent door is, host:port, in order of preference. */
  readonly agentAddresses: () => readonly string[];
  /** Nodes with this hash that are connected now. */
  readonly connectedTwins: (machineIdHash: string) => readonly NodeId[];
}

/**
 * Trades a join token and a certificate request for a certificate.
 * @throws AppError invalid_argument naming the field; unauthenticated with one text for every token that is not valid
 */
export async function enroll(deps: EnrollDeps, request: EnrollRequest): Promise<Enrolled> {
  const token = tokenOf(deps, request);
  throwProblems('invalid_argument', [...problemsOf(request), ...labelProblems(request.labels, 'labels')]);
  const key = await readCertificateRequest(request.certificateRequest);
  const nodeId = asNodeId(deps.ids.next());
  const certificate = await deps.authority.issueForNode(nodeId, key.spki);
  const result = await deps.store.issue({
    tokenId: token.tokenId,
    secretSha256: secretSha256(token.secret),
    keySha256: key.sha256,
    machineIdHash: request.machineIdHash,
    connected: deps.connectedTwins(request.machineIdHash),
    wantedName: request.name === '' ? nameOfHost(request.hostname) : request.name,
    labels: request.labels,
    atMs: deps.clock.nowMs(),
    nodeId,
    certificatePem: certificate.certPem,
    certificateSha256: certificate.sha256,
    issuedAtMs: certificate.issuedAtMs,
    expiresAtMs: certificate.expiresAtMs,
  });
  return answer(deps, request, result, { pem: certificate.certPem, expiresAtMs: certificate.expiresAtMs, token });
}

function answer(
  deps: EnrollDeps,
  request: EnrollRequest,
  result: IssueResult,
  made: { readonly pem: string; readonly expiresAtMs: number; readonly token: JoinToken },
): Enrolled {
  if (result.kind === 'refused') throw refused(deps, request, result.reason, made.token.tokenId);
  const repeated = result.kind === 'repeated';
  deps.logger.info(
    {
      nodeId: result.nodeId,
      nodeName: result.nodeName,
      joinedWith: made.token.tokenId,
      address: request.address,
      repeated,
      ...(result.kind === 'issued' && result.replaced !== undefined ? { replaced: result.replaced } : {}),
    },
    'enrolled a node',
  );
  return {
    nodeId: result.nodeId,
    nodeName: result.nodeName,
    certificatePem: repeated ? result.certificatePem : made.pem,
    caPem: deps.authority.caPem,
    agentAddresses: deps.agentAddresses(),
    expiresAtMs: repeated ? result.expiresAtMs : made.expiresAtMs,
  };
}

function tokenOf(deps: EnrollDeps, request: EnrollRequest): JoinToken {
  try {
    return parseJoinToken(request.joinToken);
  } catch (error) {
    if (isAppError(error, 'invalid_argument')) throw refused(deps, request, error.rawMessage);
    throw error;
  }
}

function refused(deps: EnrollDeps, request: EnrollRequest, reason: string, tokenId?: string): AppError {
  const { address, hostname } = request;
  deps.logger.warn(
    { reason, address, hostname: hostname.slice(0, LONGEST_HOSTNAME), joinedWith: tokenId },
    'refused an enrolment',
  );
  return new AppError('unauthenticated', REFUSAL);
}

function problemsOf(request: EnrollRequest): readonly Problem[] {
  const problems: Problem[] = [];
  if (request.name !== '' && !NODE_NAME.test(request.name)) {
    problems.push({ field: 'name', message: 'must be 1 to 63 of a-z, 0-9, dot and dash' });
  }
  if (request.hostname.length > LONGEST_HOSTNAME) {
    problems.push({ field: 'hostname', message: `must be ${LONGEST_HOSTNAME} characters at most` });
  }
  if (!SHA256_HEX.test(request.machineIdHash)) {
    problems.push({ field: 'machine_id_hash', message: 'must be a SHA-256, 64 lowercase hex digits' });
  }
  return problems;
}

/** A node's name from whatever a machine calls itself. */
function nameOfHost(hostname: string): string {
  const name = hostname
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .slice(0, 63)
    .replace(/^[.-]+|[.-]+$/g, '');
  return name === '' ? 'node' : name;
}
