/** What placement needs to know of a node, made of its record once per change and not once per task. */

import { effectiveLabels, type NodeRecord } from '../domain/node.ts';
import type { Candidate } from '../domain/placement.ts';

/** A node's facts without what changes with its session and its work. */
export type NodeFacts = Omit<Candidate, 'online' | 'activeAttempts' | 'maxAttempts' | 'lastUsed'>;

/** Makes them. */
export function nodeFacts(record: NodeRecord): NodeFacts {
  const interpreters = record.fingerprint?.interpreters ?? [];
  return {
    id: record.id,
    name: record.name,
    cordoned: record.cordoned,
    quarantined: record.quarantineReason !== undefined,
    labels: effectiveLabels(record),
    interpreters: new Set(interpreters.flatMap((each) => [each.name, each.path])),
    drivers: new Set(record.fingerprint?.drivers ?? []),
  };
}
