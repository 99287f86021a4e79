// Tasks that wait for a node, in memory; the store's queued tasks are loaded into it at start. Tasks that need the same are one group, so
// that one look at the nodes answers for all of them: 100,000 waiting tasks of one shape cost no more than one.
// Order: higher priority first; among equals the groups take turns, beginning with the one whose first task is oldest, so that a job of
// ten thousand tasks does not starve the one after it.
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { JobId, NodeId } from '@muster/common/ids/ids';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { TaskRequirement } from '../domain/placement.ts';

/** What a task needs of a node, without what it avoids. */
export type Requirement = Omit<TaskRequirement, 'avoid'>;

/** A task that waits. */
export interface WaitingTask {
  readonly jobId: JobId;
  readonly taskIndex: number;
  readonly spec: JobSpec;
  readonly priority: number;
  readonly submittedAtMs: number;
  readonly requirement: Requirement;
  /** The one node it may run on; then no other can stand in when that one refuses. */
  readonly pinnedTo?: NodeId;
  /** Nodes that refused it, with the reason, since their last session. */
  readonly avoid: ReadonlyMap<NodeId, string>;
}

interface Group {
  readonly priority: number;
  readonly tasks: Map<string, WaitingTask>;
}

export function waitingKey(jobId: JobId, taskIndex: number): string {
  return `${jobId}/${taskIndex}`;
}

export class WaitingQueue {
  readonly #groups = new Map<string, Group>();
  readonly #groupOf = new Map<string, string>();
  /** Tasks that only one node may run, by that node. */
  readonly #pinned = new Map<NodeId, Map<string, WaitingTask>>();
  /** Tasks that have a queue timeout, so that the others need not be looked at. */
  readonly #timed = new Map<string, { readonly task: WaitingTask; readonly deadlineMs: number }>();

  /** How many tasks wait. */
  get size(): number {
    return this.#groupOf.size;
  }

  /** Puts a task in; one that is there already is replaced. */
  add(task: WaitingTask): void {
    const key = waitingKey(task.jobId, task.taskIndex);
    this.remove(task.jobId, task.taskIndex);
    const groupKey = groupKeyOf(task);
    const group = this.#groups.get(groupKey) ?? { priority: task.priority, tasks: new Map<string, WaitingTask>() };
    group.tasks.set(key, task);
    this.#groups.set(groupKey, group);
    this.#groupOf.set(key, groupKey);
    this.#pin(key, task);
    const timeout = task.spec.timeouts?.queue;
    if (timeout !== undefined) this.#timed.set(key, { task, deadlineMs: task.submittedAtMs + durationMs(timeout) });
  }

  /** Tasks that only the named node may run, for each node that has such. */
  pinned(): readonly (readonly [NodeId, readonly WaitingTask[]])[] {
    return [...this.#pinned].map(([nodeId, tasks]) => [nodeId, [...tasks.values()]]);
  }

  /** Tasks whose queue timeout has passed. */
  overdue(nowMs: number): readonly WaitingTask[] {
    return [...this.#timed.values()].filter((each) => each.deadlineMs <= nowMs).map((each) => each.task);
  }

  get(jobId: JobId, taskIndex: number): WaitingTask | undefined {
    const key = waitingKey(jobId, taskIndex);
    const groupKey = this.#groupOf.get(key);
    return groupKey === undefined ? undefined : this.#groups.get(groupKey)?.tasks.get(key);
  }

  /** Takes a task out; returns it if it was there. */
  remove(jobId: JobId, taskIndex: number): WaitingTask | undefined {
    const key = waitingKey(jobId, taskIndex);
    const groupKey = this.#groupOf.get(key);
    if (groupKey === undefined) return undefined;
    const group = this.#groups.get(groupKey);
    const task = group?.tasks.get(key);
    group?.tasks.delete(key);
    if (group?.tasks.size === 0) this.#groups.delete(groupKey);
    this.#groupOf.delete(key);
    this.#timed.delete(key);
    if (task?.pinnedTo !== undefined) this.#unpin(key, task.pinnedTo);
    return task;
  }

  /** Lets tasks ask a node again that refused them: it came back, perhaps with another policy. */
  forgetRefusals(nodeId: NodeId): void {
    const affected = [...this.#groups.values()]
      .flatMap((group) => [...group.tasks.values()])
      .filter((task) => task.avoid.has(nodeId));
    for (const task of affected) {
      const avoid = new Map(task.avoid);
      avoid.delete(nodeId);
      this.add({ ...task, avoid });
    }
  }

  /**
   * Offers tasks in their order until nothing more fits. `tryPlace` returns true when the task has been taken care of (it is removed);
   * false means that nothing fits its group now, and the rest of the group is not tried.
   */
  drain(tryPlace: (task: WaitingTask) => boolean): void {
    const byPriority = new Map<number, Group[]>();
    for (const group of this.#groups.values()) {
      const peers = byPriority.get(group.priority);
      if (peers === undefined) byPriority.set(group.priority, [group]);
      else peers.push(group);
    }
    const priorities = [...byPriority.keys()].sort((a, b) => b - a);
    for (const priority of priorities) this.#takeTurns(byPriority.get(priority) ?? [], tryPlace);
  }

  #pin(key: string, task: WaitingTask): void {
    if (task.pinnedTo === undefined) return;
    const tasks = this.#pinned.get(task.pinnedTo) ?? new Map<string, WaitingTask>();
    tasks.set(key, task);
    this.#pinned.set(task.pinnedTo, tasks);
  }

  #unpin(key: string, nodeId: NodeId): void {
    const tasks = this.#pinned.get(nodeId);
    tasks?.delete(key);
    if (tasks?.size === 0) this.#pinned.delete(nodeId);
  }

  #takeTurns(groups: Group[], tryPlace: (task: WaitingTask) => boolean): void {
    let open = groups.sort((a, b) => headKey(a).localeCompare(headKey(b)));
    while (open.length > 0) {
      open = open.filter((group) => {
        const [task] = group.tasks.values();
        if (task === undefined || !tryPlace(task)) return false;
        this.remove(task.jobId, task.taskIndex);
        return group.tasks.size > 0;
      });
    }
  }
}

/** Job ids sort by time of submission, so the first key of a group is its age. */
function headKey(group: Group): string {
  const [first] = group.tasks.keys();
  return first ?? '';
}

function groupKeyOf(task: WaitingTask): string {
  const { selector, nodeIds, interpreter, workloadKind } = task.requirement;
  return JSON.stringify([
    task.priority,
    Object.entries(selector).sort(([a], [b]) => a.localeCompare(b)),
    [...nodeIds],
    interpreter ?? '',
    workloadKind,
    [...task.avoid.keys()].sort(),
  ]);
}
