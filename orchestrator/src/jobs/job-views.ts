// Jobs as users see them: what is stored, and beside it what only memory knows (why a task waits, which node is out of contact).
import type { JobId } from '@muster/common/ids/ids';
import type { Job as JobProto } from '@muster/gen/muster/job/v1/status_pb';
import type { Job } from '../domain/job.ts';
import { jobToProto, type NodeLookup } from '../wire/job-status.ts';

/** What a view needs beside the job. */
export interface JobViewDeps {
  readonly nodes: NodeLookup;
  /** Why a task waits, in a sentence. Undefined: nothing keeps it but its turn. */
  readonly whyWaiting: (jobId: JobId, taskIndex: number) => string | undefined;
}

/** The job with its tasks and attempts. */
export function jobView(deps: JobViewDeps, job: Job): JobProto {
  const tasks = job.tasks.map((task) => {
    if (task.state.kind !== 'queued') return task;
    const message = deps.whyWaiting(job.id, task.index) ?? task.state.message;
    return message === undefined ? task : { ...task, state: { kind: 'queued' as const, message } };
  });
  return jobToProto({ ...job, tasks }, deps.nodes);
}
