// What answers on the control door: each service joined with the use cases and ports that it needs.
import type { Clock } from '@muster/common/clock/clock';
import type { Ids, JobId, NodeId } from '@muster/common/ids/ids';
import type { Logger } from '@muster/common/logging/logger';
import type { Random } from '@muster/common/random/random';
import type { ApiKeys } from './access/api-keys.ts';
import { accessService } from './api/access-service.ts';
import { enrollmentService } from './api/enrollment-service.ts';
import { jobService } from './api/job-service.ts';
import { nodeService } from './api/node-service.ts';
import type { PageTokens } from './api/page-token.ts';
import type { ServedService } from './api/served-service.ts';
import { withStandardServices } from './api/standard-services.ts';
import type { ComposedWork } from './compose-work.ts';
import { enqueueJob } from './dispatch/enqueue.ts';
import { whyWaiting } from './dispatch/place-waiting.ts';
import { stopWork } from './dispatch/stop-work.ts';
import type { TargetNode, TargetNodes } from './jobs/targets.ts';
import type { HealthState } from './observability/health-state.ts';
import type { CertificateAuthority } from './pki/certificate-authority.ts';
import { EnrollLimit } from './pki/enroll-limit.ts';
import type { EnrollmentStore } from './pki/enrollment-store.ts';
import { joinTokens } from './pki/join-tokens.ts';
import type { NodeDirectory, NodeView } from './sessions/node-directory.ts';
import type { Store } from './store/open-store.ts';

/** What the services are made of. */
export interface ServiceParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly ids: Ids;
  readonly store: Store;
  readonly directory: NodeDirectory;
  readonly authority: CertificateAuthority;
  readonly keys: ApiKeys;
  readonly work: ComposedWork;
  readonly pages: PageTokens;
  readonly health: HealthState;
  readonly agentAddresses: readonly string[];
  readonly controlAddresses: () => readonly string[];
}

/** Every service of the control door. */
export function composeServices(parts: ServiceParts): readonly ServedService[] {
  const { store, directory, work, clock, ids, random, logger, authority, pages } = parts;
  const { dispatch } = work;
  const view = {
    nodes: directory,
    whyWaiting: (jobId: JobId, taskIndex: number) => whyWaiting(dispatch, dispatch.queue.get(jobId, taskIndex)),
  };
  const jobs = jobService({
    submit: {
      store: store.jobs,
      nodes: targetsOf(directory),
      enqueue: (job) => enqueueJob(dispatch, job),
      takeOut: (job) => stopWork(dispatch, job, []),
      feed: dispatch.feed,
      clock,
      ids,
    },
    cancel: { store: store.jobs, stop: (job, toStop) => stopWork(dispatch, job, toStop), clock },
    watch: { store: store.jobs, feed: dispatch.feed },
    view,
    logs: { store: store.jobs, feed: dispatch.feed, logs: work.reading, nameOf: (id) => directory.nameOf(id) },
    store: store.jobs,
    pageTokens: pages,
  });
  const nodes = nodeService({
    directory,
    activeAttempts: (id) => dispatch.book.activeCount(id),
    pageTokens: pages,
    clock,
    reconsider: () => dispatch.wakeup.notify(),
  });
  const tokens = joinTokens({
    store: store.enrollment,
    clock,
    random,
    ids,
    caSha256: authority.caSha256,
    controlAddresses: parts.controlAddresses,
  });
  const access = accessService({ joinTokens: tokens, keys: parts.keys, pages });
  const enrollment = enrollmentService(
    {
      authority,
      store: seenBy(directory, store.enrollment),
      clock,
      ids,
      logger,
      agentAddresses: () => parts.agentAddresses,
      connectedTwins: (hash) =>
        [...directory.views()]
          .filter(({ record, session }) => session !== undefined && record.machineIdHash === hash)
          .map(({ record }) => record.id),
    },
    new EnrollLimit(clock),
  );
  return withStandardServices([jobs, nodes, access, enrollment], parts.health);
}

/** The nodes as a submission sees them. */
function targetsOf(directory: NodeDirectory): TargetNodes {
  const targetOf = ({ record, contact }: NodeView): TargetNode => {
    const facts = directory.get(record.id);
    return {
      id: record.id,
      name: record.name,
      labels: facts?.labels ?? {},
      cordoned: record.cordoned,
      quarantined: record.quarantineReason !== undefined,
      online: contact === 'online',
    };
  };
  return {
    find(idOrName) {
      const view = directory.view(idOrName);
      return view === undefined || view.record.end !== undefined ? undefined : targetOf(view);
    },
    all: () =>
      [...directory.views()]
        .filter((view) => view.record.end === undefined)
        .map(targetOf)
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Enrolment, with the directory told of the node that came and of the one that it replaced. */
function seenBy(directory: NodeDirectory, store: EnrollmentStore): Pick<EnrollmentStore, 'issue'> {
  return {
    async issue(request) {
      const result = await store.issue(request);
      if (result.kind !== 'issued') return result;
      const changed: readonly NodeId[] =
        result.replaced === undefined ? [result.nodeId] : [result.nodeId, result.replaced];
      for (const id of changed) await directory.refresh(id);
      return result;
    },
  };
}
