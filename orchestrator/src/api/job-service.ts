// Jobs on the control door: each method checks its request and calls one use case.
import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { AppError } from '@muster/common/errors/app-error';
import { asJobId } from '@muster/common/ids/ids';
import {
  CancelJobResponseSchema,
  GetJobResponseSchema,
  JobService,
  ListJobsResponseSchema,
  SubmitJobResponseSchema,
  WatchJobsResponseSchema,
} from '@muster/gen/muster/control/v1/job_service_pb';
import { throwProblems } from '../domain/problem.ts';
import { selectorProblems } from '../domain/selector.ts';
import { type CancelDeps, cancelJob } from '../jobs/cancel-job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { type JobViewDeps, jobView } from '../jobs/job-views.ts';
import { type ReadLogsDeps, readLogs } from '../jobs/read-logs.ts';
import { type SubmitDeps, submitJob } from '../jobs/submit-job.ts';
import { waitForJob } from '../jobs/wait-for-job.ts';
import { type WatchDeps, watchAllJobs, watchNamedJobs } from '../jobs/watch-jobs.ts';
import { jobSummaryToProto } from '../wire/job-status.ts';
import { jobStateCodec } from '../wire/status-enums.ts';
import { principalOf } from './call-context.ts';
import { listConditions, type PageTokens, pageSizeOf } from './page-token.ts';
import { type ServedService, serve } from './served-service.ts';

/** What the service needs. */
export interface JobServiceDeps {
  readonly submit: SubmitDeps;
  readonly cancel: CancelDeps;
  readonly watch: WatchDeps;
  readonly view: JobViewDeps;
  readonly logs: ReadLogsDeps;
  readonly store: Pick<JobStore, 'get' | 'list'>;
  readonly pageTokens: PageTokens;
}

/** Longest a submission's answer is held; callers with more patience watch. */
const LONGEST_WAIT_MS = 60_000;
/** Most jobs of one watch: each costs a look at every change. */
const MOST_WATCHED = 1000;

/** The service. */
export function jobService(deps: JobServiceDeps): ServedService {
  return serve(JobService, {
    submitJob: async (request, context) => {
      const waitMs = waitOf(request.wait);
      const submittedBy = principalOf(context.values).name;
      let job = await submitJob(deps.submit, { spec: request.spec, requestId: request.requestId, submittedBy });
      if (waitMs > 0) {
        job = await waitForJob({ ...deps.watch, clock: deps.submit.clock }, job, waitMs, context.signal);
      }
      return create(SubmitJobResponseSchema, { job: jobView(deps.view, job) });
    },
    getJob: async (request) => {
      const id = asJobId(request.jobId);
      const job = await deps.store.get(id);
      if (job === undefined) throw new AppError('not_found', `there is no job ${id}`, { field: 'job_id' });
      return create(GetJobResponseSchema, { job: jobView(deps.view, job) });
    },
    listJobs: async (request) => {
      const states = request.states.map((state) => jobStateCodec.fromProto(state, 'states'));
      const matchLabels = request.selector?.matchLabels ?? {};
      if (request.selector !== undefined) {
        throwProblems('invalid_argument', selectorProblems(request.selector, 'selector'));
      }
      const conditions = listConditions('ListJobs', states, matchLabels);
      const cursor = deps.pageTokens.open(request.pageToken, conditions);
      const after = cursor === undefined ? undefined : asJobId(cursor, 'page_token');
      const page = await deps.store.list({ states, matchLabels }, pageSizeOf(request.pageSize), after);
      return create(ListJobsResponseSchema, {
        jobs: page.jobs.map(jobSummaryToProto),
        nextPageToken: page.next === undefined ? '' : deps.pageTokens.seal(page.next, conditions),
      });
    },
    cancelJob: async (request) => {
      const job = await cancelJob(deps.cancel, asJobId(request.jobId));
      return create(CancelJobResponseSchema, { job: jobView(deps.view, job) });
    },
    watchJobs: async function* (request, context) {
      if (request.jobIds.length > MOST_WATCHED) {
        throw new AppError(
          'invalid_argument',
          `${request.jobIds.length} jobs; at most ${MOST_WATCHED}, or none for all`,
          {
            field: 'job_ids',
          },
        );
      }
      const ids = request.jobIds.map((id, index) => asJobId(id, `job_ids[${index}]`));
      if (ids.length === 0) {
        for await (const job of watchAllJobs(deps.watch, context.signal)) {
          yield create(WatchJobsResponseSchema, { job: jobSummaryToProto(job) });
        }
        return;
      }
      for await (const job of watchNamedJobs(deps.watch, ids, context.signal)) {
        yield create(WatchJobsResponseSchema, { job: jobView(deps.view, job) });
      }
    },
    readLogs: (request, context) => readLogs(deps.logs, request, context.signal),
  });
}

function waitOf(wait: Parameters<typeof durationMs>[0] | undefined): number {
  if (wait === undefined) return 0;
  const ms = durationMs(wait);
  if (ms >= 0 && ms <= LONGEST_WAIT_MS) return ms;
  throw new AppError('invalid_argument', 'must be 0 to 60 s; watch the job to wait longer', { field: 'wait' });
}
