// A node as the store keeps it. Whether it is in contact is not stored: it is judged in memory from its session (sessions/liveness).
import type { LedgerId, NodeId } from '@muster/common/ids/ids';
import type { Fingerprint } from '@muster/gen/muster/node/v1/fingerprint_pb';

/** Why a node is gone for good. */
export type NodeEnd = 'removed' | 'replaced';

/** An enrolled machine. */
export interface NodeRecord {
  readonly id: NodeId;
  readonly name: string;
  /** What users set; wins over enrolledLabels and agentLabels. A key mapped to undefined was removed by a user. */
  readonly userLabels: Readonly<Record<string, string | undefined>>;
  /** From the join token and the enrolment. */
  readonly enrolledLabels: Readonly<Record<string, string>>;
  /** From the agent's start, at its last hello. */
  readonly agentLabels: Readonly<Record<string, string>>;
  readonly machineIdHash: string;
  /** Of the last hello. Unset: never connected. */
  readonly ledgerId?: LedgerId;
  readonly bootId?: string;
  readonly fingerprint?: Fingerprint;
  readonly agentVersion?: string;
  readonly cordoned: boolean;
  /** Set: it is a suspected clone and gets no work. */
  readonly quarantineReason?: string;
  readonly end?: NodeEnd;
  readonly enrolledAtMs: number;
  /** Stored at the end of a session and once a minute, so that it is about right after a restart. */
  readonly lastContactAtMs?: number;
  /** Of the newest active certificate. */
  readonly certificateIssuedAtMs: number;
  readonly certificateExpiresAtMs: number;
}

/** The labels that hold: enrolled, then the agent's, then users', who may also remove one. */
export function effectiveLabels(node: NodeRecord): Readonly<Record<string, string>> {
  const merged: Record<string, string> = { ...node.enrolledLabels, ...node.agentLabels };
  for (const [key, value] of Object.entries(node.userLabels)) {
    if (value === undefined) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}
