/** A node as users see it: its record and what is known of it right now. */
import { create } from '@bufbuild/protobuf';
import type { AttemptId } from '@muster/common/ids/ids';
import type { NodeUsage } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { type Node, NodeSchema, NodeState } from '@muster/gen/muster/node/v1/node_pb';
import { effectiveLabels, type NodeRecord } from '../domain/node.ts';
import { enumCodec } from './enum-codec.ts';
import { toTimestamp } from './scalars.ts';

/** Whether a node is in contact, or gone for good. */
export type NodeStateName = 'online' | 'unreachable' | 'down' | 'removed' | 'replaced';

export const nodeStates = enumCodec<NodeStateName, NodeState>({
  online: NodeState.ONLINE,
  unreachable: NodeState.UNREACHABLE,
  down: NodeState.DOWN,
  removed: NodeState.REMOVED,
  replaced: NodeState.REPLACED,
});

/** What is known of a node right now and stored nowhere. */
export interface NodeLive {
  readonly contact: 'online' | 'unreachable' | 'down';
  /** Of the last heartbeat. Unset: none since the orchestrator started. */
  readonly usage?: NodeUsage;
  /** Where its session came from. Unset: it has none. */
  readonly address?: string;
  readonly foreignAttemptIds: readonly AttemptId[];
  readonly activeAttempts: number;
  /** When it was last heard of, if that is later than what the record says. */
  readonly lastContactAtMs?: number;
}

/** A node's state, where its end comes before its contact. */
export function nodeStateOf(record: NodeRecord, contact: NodeLive['contact']): NodeStateName {
  return record.end ?? contact;
}

/** A node. Leave out its fingerprint where a list or a watch wants it short. */
export function nodeToProto(
  record: NodeRecord,
  live: NodeLive,
  options: { readonly nowMs: number; readonly withFingerprint: boolean },
): Node {
  const lastContactAtMs = live.lastContactAtMs ?? record.lastContactAtMs;
  const { fingerprint } = record;
  return create(NodeSchema, {
    id: record.id,
    name: record.name,
    labels: { ...effectiveLabels(record) },
    state: nodeStates.toProto(nodeStateOf(record, live.contact)),
    cordoned: record.cordoned,
    quarantined: record.quarantineReason !== undefined,
    quarantineReason: record.quarantineReason ?? '',
    ...(options.withFingerprint && fingerprint !== undefined ? { fingerprint } : {}),
    ...(live.usage === undefined ? {} : { usage: live.usage }),
    agentVersion: record.agentVersion ?? '',
    enrolledTime: toTimestamp(record.enrolledAtMs),
    ...(lastContactAtMs === undefined ? {} : { lastContactTime: toTimestamp(lastContactAtMs) }),
    certificateExpiresTime: toTimestamp(record.certificateExpiresAtMs),
    certificateExpiresSoon: expiresSoon(record, options.nowMs),
    activeAttempts: live.activeAttempts,
    address: live.address ?? '',
    foreignAttemptIds: [...live.foreignAttemptIds],
  });
}

/** In the last third of its life, which is when a certificate is due for renewal. */
function expiresSoon(record: NodeRecord, nowMs: number): boolean {
  const lifeMs = record.certificateExpiresAtMs - record.certificateIssuedAtMs;
  return nowMs >= record.certificateExpiresAtMs - lifeMs / 3;
}
