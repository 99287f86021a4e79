// Rows of the node tables to the domain's record. Null in a row is "unset" in the domain.
import { fromBinary } from '@bufbuild/protobuf';
import { FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { NodeRecord } from '../domain/node.ts';
import type { nodeFingerprints, nodes } from './schema.ts';

/** A row of nodes. */
export type NodeRow = typeof nodes.$inferSelect;

/** What a query of nodes with their fingerprints gives. */
export interface NodeWithFingerprint {
  readonly node: NodeRow;
  readonly fingerprint: Pick<typeof nodeFingerprints.$inferSelect, 'fingerprint'> | null;
}

/** A node. */
export function nodeRecordOf({ node, fingerprint }: NodeWithFingerprint): NodeRecord {
  return {
    id: node.id,
    name: node.name,
    userLabels: Object.fromEntries(Object.entries(node.userLabels).map(([key, value]) => [key, value ?? undefined])),
    enrolledLabels: node.enrolledLabels,
    agentLabels: node.agentLabels,
    machineIdHash: node.machineIdHash,
    ...(node.ledgerId === null ? {} : { ledgerId: node.ledgerId }),
    ...(node.bootId === null ? {} : { bootId: node.bootId }),
    ...(fingerprint === null ? {} : { fingerprint: fromBinary(FingerprintSchema, fingerprint.fingerprint) }),
    ...(node.agentVersion === null ? {} : { agentVersion: node.agentVersion }),
    cordoned: node.cordoned,
    ...(node.quarantineReason === null ? {} : { quarantineReason: node.quarantineReason }),
    ...(node.endedAs === null ? {} : { end: node.endedAs }),
    enrolledAtMs: node.enrolledAtMs,
    ...(node.lastContactAtMs === null ? {} : { lastContactAtMs: node.lastContactAtMs }),
    certificateIssuedAtMs: node.certificateIssuedAtMs,
    certificateExpiresAtMs: node.certificateExpiresAtMs,
  };
}
