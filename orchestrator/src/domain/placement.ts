// Which node gets a task: pure, one pass over the candidates while one fits, and a second only to say why none does.
import type { NodeId } from '@muster/common/ids/ids';
import { describeObstacles, type Obstacle } from './obstacle.ts';
import { type Labels, missingLabel } from './selector.ts';

/** What a task asks of its node. */
export interface TaskRequirement {
  readonly selector: Labels;
  /** Only these. Empty: all. */
  readonly nodeIds: ReadonlySet<NodeId>;
  /** Name or absolute path of the interpreter that the node must report. Unset: none. */
  readonly interpreter?: string;
  /** The driver that runs it: "script", "process", "container", "model_server". */
  readonly workloadKind: string;
  /** Nodes that are not asked again, with the reason for people, for example a refusal. */
  readonly avoid: ReadonlyMap<NodeId, string>;
}

/** A node as placement sees it. */
export interface Candidate {
  readonly id: NodeId;
  readonly name: string;
  readonly online: boolean;
  readonly cordoned: boolean;
  readonly quarantined: boolean;
  /** Attempts that are offered to it or have not ended. */
  readonly activeAttempts: number;
  /** Most attempts that it runs at once, at least 1. */
  readonly maxAttempts: number;
  readonly labels: Labels;
  /** Names and absolute paths of its interpreters. */
  readonly interpreters: ReadonlySet<string>;
  /** Kinds of workload it can run. */
  readonly drivers: ReadonlySet<string>;
  /** Any number that grows with each placement, 0 for never: the least recently used of equals is taken. Unset: 0. */
  readonly lastUsed?: number;
}

/** Why one node does not get a task. Nodes outside `nodeIds` are not named. */
export interface NodeObstacle {
  readonly nodeId: NodeId;
  readonly nodeName: string;
  readonly obstacle: Obstacle;
}

/** Where a task goes, or in one sentence why nowhere yet. */
export type Placement =
  | { readonly kind: 'placed'; readonly nodeId: NodeId }
  | { readonly kind: 'none'; readonly message: string; readonly byNode: readonly NodeObstacle[] };

/** Chooses a node for a task: of those that fit, the one with the smallest share of its attempts in use (spread). */
export function place(task: TaskRequirement, candidates: readonly Candidate[]): Placement {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    if (best !== undefined && !preferred(candidate, best)) continue;
    if (isNamed(task, candidate) && obstacleOf(task, candidate) === undefined) best = candidate;
  }
  if (best !== undefined) return { kind: 'placed', nodeId: best.id };
  const byNode = candidates.flatMap((candidate) => {
    const obstacle = isNamed(task, candidate) ? obstacleOf(task, candidate) : undefined;
    return obstacle === undefined ? [] : [{ nodeId: candidate.id, nodeName: candidate.name, obstacle }];
  });
  return { kind: 'none', message: describeObstacles(byNode.map((each) => each.obstacle)), byNode };
}

function isNamed(task: TaskRequirement, candidate: Candidate): boolean {
  return task.nodeIds.size === 0 || task.nodeIds.has(candidate.id);
}

/** The first thing that keeps a node from a task, what lasts longest first; undefined when it fits. */
function obstacleOf(task: TaskRequirement, candidate: Candidate): Obstacle | undefined {
  const missing = missingLabel(task.selector, candidate.labels);
  if (missing !== undefined) return { kind: 'label', ...missing };
  if (!candidate.drivers.has(task.workloadKind)) return { kind: 'driver', workloadKind: task.workloadKind };
  if (task.interpreter !== undefined && !candidate.interpreters.has(task.interpreter)) {
    return { kind: 'interpreter', interpreter: task.interpreter };
  }
  const reason = task.avoid.get(candidate.id);
  if (reason !== undefined) return { kind: 'avoided', reason };
  if (candidate.quarantined) return { kind: 'quarantined' };
  if (candidate.cordoned) return { kind: 'cordoned' };
  if (!candidate.online) return { kind: 'unreachable' };
  return candidate.activeAttempts >= candidate.maxAttempts ? { kind: 'full' } : undefined;
}

function preferred(a: Candidate, b: Candidate): boolean {
  const byShare = a.activeAttempts / a.maxAttempts - b.activeAttempts / b.maxAttempts;
  if (byShare !== 0) return byShare < 0;
  const byUse = (a.lastUsed ?? 0) - (b.lastUsed ?? 0);
  return byUse === 0 ? a.name < b.name : byUse < 0;
}
