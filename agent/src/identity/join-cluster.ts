/** Enrolment as a whole: key, request, addresses in turn, retries while nobody answers, and the record on disk. */
import { hostname } from 'node:os';
import type { Backoff } from '@muster/common/backoff/backoff';
import { type Clock, withDeadline } from '@muster/common/clock/clock';
import type { Disk } from '@muster/common/disk/disk';
import { AppError, errorChain } from '@muster/common/errors/app-error';
import { parseJoinToken } from '@muster/common/join-token/join-token';
import type { Logger } from '@muster/common/logging/logger';
import { certificateRequest } from './csr.ts';
import type { EnrollAt, EnrollRequestInit } from './enroll.ts';
import type { NodeKey } from './key-store.ts';
import { type NodeRecord, writeNodeRecord } from './node-record.ts';

/** One try: TLS twice and one call. 30 s is far beyond the slowest link that could carry a session later. */
const TRY_MS = 30_000;

/** What joining needs. */
export interface JoinDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly logger: Logger;
  readonly enrollAt: EnrollAt;
  readonly key: NodeKey;
  readonly nodePath: string;
  readonly machineIdHash: string;
}

/** What the operator chose. */
export interface JoinRequest {
  readonly joinToken: string;
  /** Undefined: the hostname. */
  readonly name: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Enrols this machine and writes the record. Tries again while the orchestrator cannot be reached or is overloaded;
 * abort ends that.
 * @throws AppError for everything that another try would not change: token refused, wrong authority, bad request
 */
export async function joinCluster(deps: JoinDeps, request: JoinRequest, signal: AbortSignal): Promise<NodeRecord> {
  const token = parseJoinToken(request.joinToken);
  const message: EnrollRequestInit = {
    joinToken: request.joinToken,
    certificateRequest: await certificateRequest(deps.key.pair),
    hostname: hostname(),
    machineIdHash: deps.machineIdHash,
    labels: { ...request.labels },
    ...(request.name === undefined ? {} : { name: request.name }),
  };
  for (let turn = 0; ; turn += 1) {
    const address = token.addresses[turn % token.addresses.length] ?? '';
    const tried = await tryOnce(deps, address, token.caSha256, message, signal);
    if (tried.kind === 'enrolled') {
      await writeNodeRecord(deps.disk, deps.nodePath, tried.record);
      return tried.record;
    }
    const waitMs = Math.max(tried.failure.retryAfterMs ?? 0, deps.backoff.next());
    const fields = { address, reason: errorChain(tried.failure), retry_ms: Math.round(waitMs) };
    deps.logger.warn(fields, 'cannot enroll yet, trying again');
    await deps.clock.sleep(waitMs, signal);
  }
}

type Tried =
  | { readonly kind: 'enrolled'; readonly record: NodeRecord }
  | { readonly kind: 'again'; readonly failure: AppError };

async function tryOnce(
  deps: JoinDeps,
  address: string,
  caSha256: string,
  message: EnrollRequestInit,
  signal: AbortSignal,
): Promise<Tried> {
  using limited = withDeadline(deps.clock, TRY_MS, signal);
  try {
    return { kind: 'enrolled', record: await deps.enrollAt(address, caSha256, message, limited.signal) };
  } catch (error) {
    signal.throwIfAborted();
    const failure = AppError.from(error, `cannot enroll at ${address}`);
    if (!mayPass(failure)) throw failure;
    return { kind: 'again', failure };
  }
}

function mayPass(failure: AppError): boolean {
  return ['unavailable', 'deadline_exceeded', 'resource_exhausted', 'aborted', 'cancelled'].includes(failure.code);
}
