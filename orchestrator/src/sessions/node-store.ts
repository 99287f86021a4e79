// What sessions and the node API need of the store. Each method is one transaction, durable when its promise resolves.
import type { LedgerId, NodeId } from '@muster/common/ids/ids';
import type { Fingerprint } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { NodeRecord } from '../domain/node.ts';

export interface HelloFacts {
  readonly nodeId: NodeId;
  readonly ledgerId: LedgerId;
  readonly bootId: string;
  readonly agentVersion: string;
  readonly agentLabels: Readonly<Record<string, string>>;
  readonly fingerprint: Fingerprint;
  readonly atMs: number;
}

export interface NodeStore {
  /** The node whose active, unexpired certificate has this SHA-256 (hex, of the DER). Undefined: none. */
  nodeByCertificate(fingerprintSha256: string, atMs: number): Promise<NodeRecord | undefined>;
  /** By id or by name. */
  find(idOrName: string): Promise<NodeRecord | undefined>;
  /** All nodes that are not removed or replaced; with `ended`, those too. */
  all(options: { readonly ended: boolean }): Promise<readonly NodeRecord[]>;
  /** Writes what a hello says only where it differs, so that a reconnect storm writes little. Returns the record after it, and the pair before it. */
  recordHello(facts: HelloFacts): Promise<{ node: NodeRecord; previous: { ledgerId?: LedgerId; bootId?: string } }>;
  recordFingerprint(nodeId: NodeId, fingerprint: Fingerprint): Promise<NodeRecord | undefined>;
  /** Batched by the caller: about right is enough. */
  recordContacts(contacts: readonly { readonly nodeId: NodeId; readonly atMs: number }[]): Promise<void>;
  updateUserLabels(
    nodeId: NodeId,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
  ): Promise<NodeRecord | undefined>;
  setCordoned(nodeId: NodeId, cordoned: boolean): Promise<NodeRecord | undefined>;
  /** Undefined reason lifts it. */
  setQuarantine(nodeId: NodeId, reason: string | undefined): Promise<NodeRecord | undefined>;
}
