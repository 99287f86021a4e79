/**
 * A driver makes one kind of workload ready to start: it may write files and look things up, but starts nothing. What
 * it gives goes to the supervisor. Everything it needs of the rest of the agent is in the context.
 */
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Workload } from '@muster/gen/muster/job/v1/workload_pb';
import type { Preparation, PrepareContext } from '../jobs/attempt-ports.ts';

/** The kinds of workload, as the contract names them. */
export type WorkloadKind = NonNullable<Workload['kind']['case']>;

/** The content of a workload of one kind. */
export type WorkloadOf<Kind extends WorkloadKind> = Extract<Workload['kind'], { case: Kind }>['value'];

/** Runs one kind of workload. */
export interface Driver<Kind extends WorkloadKind> {
  readonly kind: Kind;
  /**
   * Prepares a start. What the user has to mend is returned as `not_run` with a sentence; a broken disk is thrown
   * (`resource_exhausted` when it is full). Abort rejects with the signal's reason; what was written stays for the
   * removal of the work directory.
   */
  prepare(
    workload: WorkloadOf<Kind>,
    spec: JobSpec,
    context: PrepareContext,
    signal: AbortSignal,
  ): Promise<Preparation>;
}
