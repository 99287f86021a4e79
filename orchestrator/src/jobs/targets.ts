// Which tasks a submission has: one for any node, or one for each node that matches now. Pure.

import { AppError } from '@muster/common/errors/app-error';
import type { NodeId } from '@muster/common/ids/ids';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import { matchesLabels } from '../domain/selector.ts';
import type { NewTask } from './job-store.ts';

/** A node as a submission sees it. */
export interface TargetNode {
  readonly id: NodeId;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly cordoned: boolean;
  readonly quarantined: boolean;
  readonly online: boolean;
}

/** The nodes a submission may name. */
export interface TargetNodes {
  /** By id or name. */
  find(idOrName: string): TargetNode | undefined;
  /** Those that are neither removed nor replaced, by name. */
  all(): readonly TargetNode[];
}

/** The named nodes' ids. Throws NOT_FOUND for one that does not exist. */
export function namedNodes(spec: JobSpec, nodes: TargetNodes): readonly NodeId[] {
  return (spec.placement?.nodes ?? []).map((idOrName, index) => {
    const node = nodes.find(idOrName);
    if (node !== undefined) return node.id;
    throw new AppError(
      'not_found',
      `there is no node ${JSON.stringify(idOrName.slice(0, 64))}; list them with ListNodes or "muster nodes"`,
      {
        field: `spec.placement.nodes[${index}]`,
      },
    );
  });
}

/** The tasks. Throws FAILED_PRECONDITION when a job for every node has none. */
export function tasksFor(spec: JobSpec, nodes: TargetNodes): readonly NewTask[] {
  const named = new Set(namedNodes(spec, nodes));
  if (spec.placement?.count.case !== 'everyNode') return [{ kind: 'queued' }];
  const labels = spec.placement.selector?.matchLabels ?? {};
  const targets = nodes
    .all()
    .filter((node) => named.size === 0 || named.has(node.id))
    .filter((node) => matchesLabels(labels, node.labels))
    .filter((node) => !node.cordoned && !node.quarantined);
  if (targets.length === 0) {
    throw new AppError(
      'failed_precondition',
      'no enrolled node matches that is not cordoned; list them with ListNodes or "muster nodes"',
      {
        field: 'spec.placement',
      },
    );
  }
  return targets.map((node) =>
    node.online
      ? { kind: 'queued', nodeId: node.id }
      : {
          kind: 'skipped_unreachable',
          nodeId: node.id,
          message: `node ${node.name} was out of contact when the job was submitted`,
        },
  );
}
