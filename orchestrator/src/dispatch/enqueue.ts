// From a job to the queue.
import type { NodeId } from '@muster/common/ids/ids';
import { asNodeId } from '@muster/common/ids/ids';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import { requiredInterpreter } from '../domain/interpreter.ts';
import type { JobSummary, Task } from '../domain/job.ts';
import type { WaitingJob } from '../jobs/submit-job.ts';
import type { Dispatch } from './dispatch-state.ts';
import type { Requirement, WaitingTask } from './waiting-queue.ts';

/** Middle of 0 to 100, so that there is room on both sides. */
const DEFAULT_PRIORITY = 50;

/** Puts a job's queued tasks into the queue. */
export function enqueueJob(dispatch: Pick<Dispatch, 'queue' | 'wakeup'>, job: WaitingJob): void {
  for (const task of job.tasks) if (task.state.kind === 'queued') dispatch.queue.add(waitingTask(job, task));
  dispatch.wakeup.notify();
}

/** A task as the queue holds it. */
export function waitingTask(
  job: Pick<JobSummary, 'id' | 'spec' | 'submittedAtMs'>,
  task: Pick<Task, 'index' | 'nodeId'>,
): WaitingTask {
  return {
    jobId: job.id,
    taskIndex: task.index,
    spec: job.spec,
    priority: job.spec.priority ?? DEFAULT_PRIORITY,
    submittedAtMs: job.submittedAtMs,
    requirement: requirementOf(job.spec, task.nodeId),
    ...(task.nodeId === undefined ? {} : { pinnedTo: task.nodeId }),
    avoid: new Map(),
  };
}

/** A task for one node asks only that node: what is missing there, it says itself. */
function requirementOf(spec: JobSpec, pinnedTo: NodeId | undefined): Requirement {
  const workload = spec.workload?.kind;
  const workloadKind = workload?.case === 'script' ? 'script' : 'process';
  if (pinnedTo !== undefined) return { selector: {}, nodeIds: new Set([pinnedTo]), workloadKind };
  const interpreter = workload?.case === 'script' ? requiredInterpreter(workload.value) : undefined;
  return {
    selector: spec.placement?.selector?.matchLabels ?? {},
    nodeIds: new Set((spec.placement?.nodes ?? []).map((id) => asNodeId(id, 'spec.placement.nodes'))),
    workloadKind,
    ...(interpreter === undefined ? {} : { interpreter }),
  };
}
