/** This node's identity: read from the state directory, or won with the join token at the first start. */
import { defaultBackoff, makeBackoff } from '@muster/common/backoff/backoff';
import type { Clock } from '@muster/common/clock/clock';
import type { Disk } from '@muster/common/disk/disk';
import { AppError } from '@muster/common/errors/app-error';
import type { Logger } from '@muster/common/logging/logger';
import type { Random } from '@muster/common/random/random';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import { enrollAt } from './enroll.ts';
import { joinCluster } from './join-cluster.ts';
import { openNodeKey } from './key-store.ts';
import { type NodeRecord, readNodeRecord } from './node-record.ts';
import type { StateDirectory } from './state-directory.ts';

/** What identifying needs. */
export interface IdentifyDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly state: StateDirectory;
  readonly machineIdHash: string;
}

/** What the operator chose for the first start. */
export interface FirstStart {
  readonly joinToken: string | undefined;
  readonly name: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** Who we are, and how we prove it. */
export interface Identity {
  readonly record: NodeRecord;
  readonly tls: TlsIdentity;
}

/**
 * The identity. Enrols where there is none; abort ends that.
 * @throws AppError failed_precondition where the machine is not enrolled and no token is given
 */
export async function identify(deps: IdentifyDeps, first: FirstStart, signal: AbortSignal): Promise<Identity> {
  const { disk, state } = deps;
  const stored = await readNodeRecord(disk, state.nodePath);
  if (stored === undefined && first.joinToken === undefined) {
    throw new AppError(
      'failed_precondition',
      `this machine is not enrolled (${state.nodePath} is absent); start once with --join-token-file, the token is made by \`muster token create\``,
    );
  }
  const key = await openNodeKey(disk, state.keyPath);
  const record = stored ?? (await join(deps, key, first, signal));
  return { record, tls: { caPem: record.caBundlePem, certPem: record.certificatePem, keyPem: key.pem } };
}

async function join(
  deps: IdentifyDeps,
  key: Awaited<ReturnType<typeof openNodeKey>>,
  first: FirstStart,
  signal: AbortSignal,
): Promise<NodeRecord> {
  const { disk, clock, random, logger, state, machineIdHash } = deps;
  const backoff = makeBackoff(defaultBackoff, random);
  const joinDeps = { disk, clock, backoff, logger, enrollAt, key, nodePath: state.nodePath, machineIdHash };
  const request = { joinToken: first.joinToken ?? '', name: first.name, labels: first.labels };
  const record = await joinCluster(joinDeps, request, signal);
  logger.info({ nodeId: record.nodeId, nodeName: record.nodeName }, 'this machine is enrolled');
  return record;
}
