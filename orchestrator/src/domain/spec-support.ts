// What a well-formed spec may ask for and this version can not do. It is refused with the path and a sentence, never ignored;
// a feature takes its line away here when it is built.
import { DependencyCondition, type JobSpec, Lifetime, PlacementStrategy } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Problem } from './problem.ts';

interface Unsupported {
  readonly field: string;
  readonly asked: (spec: JobSpec) => boolean;
  readonly message: string;
}

const unsupported: readonly Unsupported[] = [
  {
    field: 'namespace',
    asked: (spec) => spec.namespace !== '' && spec.namespace !== 'default',
    message: 'only "default" exists in this version',
  },
  {
    field: 'workload.container',
    asked: (spec) => spec.workload?.kind.case === 'container',
    message: 'containers can not be run by this version; use a script or a process',
  },
  {
    field: 'workload.model_server',
    asked: (spec) => spec.workload?.kind.case === 'modelServer',
    message: 'model servers can not be run by this version',
  },
  {
    field: 'placement.replicas',
    asked: (spec) => spec.placement?.count.case === 'replicas',
    message: 'not possible in this version; submit several jobs, or use every_node',
  },
  {
    field: 'placement.strategy',
    asked: (spec) => spec.placement?.strategy === PlacementStrategy.PACK,
    message: 'packing is not possible in this version; leave it out',
  },
  {
    field: 'resources',
    asked: (spec) => {
      const resources = spec.resources;
      if (resources === undefined) return false;
      return (
        resources.cpuMillis > 0 ||
        resources.memoryBytes > 0n ||
        resources.diskBytes > 0n ||
        (resources.gpus?.count ?? 0) > 0
      );
    },
    message: 'resources are not reserved by this version; choose nodes by labels',
  },
  { field: 'preemptible', asked: (spec) => spec.preemptible, message: 'there is no preemption in this version' },
  {
    field: 'lifetime',
    asked: (spec) => spec.lifetime === Lifetime.SERVICE,
    message: 'services are not possible in this version; only batch',
  },
  { field: 'restart', asked: (spec) => spec.restart !== undefined, message: 'only for services' },
  {
    field: 'timeouts.start',
    asked: (spec) => spec.timeouts?.start !== undefined,
    message: 'not enforced by this version; use timeouts.run',
  },
  {
    field: 'retry',
    asked: (spec) => spec.retry !== undefined && (spec.retry.maxAttempts > 1 || spec.retry.on.length > 0),
    message: 'retries are not possible in this version; submit the job again',
  },
  {
    field: 'lost_after',
    asked: (spec) => spec.lostAfter !== undefined,
    message: 'not enforced by this version; an attempt out of contact stays unknown until its node is back',
  },
  {
    field: 'on_disconnect.stop_after',
    asked: (spec) => spec.onDisconnect?.policy.case === 'stopAfter',
    message: 'not enforced by this version; runs go on without contact',
  },
  { field: 'on_return', asked: (spec) => spec.onReturn !== 0, message: 'there are no replacements in this version' },
  {
    field: 'fan_out',
    asked: (spec) => spec.fanOut !== undefined && (spec.fanOut.maxParallel > 0 || spec.fanOut.stopAfterFailures > 0),
    message: 'all tasks begin at once in this version',
  },
  {
    field: 'after',
    asked: (spec) => spec.after.some((each) => each.jobId !== '' || each.condition !== DependencyCondition.UNSPECIFIED),
    message: 'dependencies are not possible in this version',
  },
  {
    field: 'secrets',
    asked: (spec) => spec.secrets.length > 0,
    message: 'secrets are not possible in this version; do not put them into env, which everyone may read',
  },
  {
    field: 'run_as',
    asked: (spec) => spec.runAs !== '',
    message: "not possible in this version; runs have the agent's user",
  },
  {
    field: 'output',
    asked: (spec) => (spec.output?.maxBytes ?? 0n) > 0n,
    message: 'output is not limited by this version',
  },
];

/** What the spec asks for and this version can not do; empty when it can do all. */
export function unsupportedProblems(spec: JobSpec, at = 'spec'): readonly Problem[] {
  return unsupported
    .filter((each) => each.asked(spec))
    .map((each) => ({ field: `${at}.${each.field}`, message: each.message }));
}
