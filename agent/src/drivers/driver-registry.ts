/**
 * Which driver runs which kind of workload. A kind without a driver is refused with a sentence, never ignored.
 */
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import { NotRunReason } from '@muster/gen/muster/job/v1/status_pb';
import type { DriverPort, Preparation } from '../jobs/attempt-ports.ts';
import type { Driver, WorkloadKind } from './driver.ts';

/** The drivers this agent has. */
export interface Drivers {
  readonly script: Driver<'script'>;
  readonly process: Driver<'process'>;
}

/** Joins the drivers to the port that attempts use. */
export function driverRegistry(drivers: Drivers): DriverPort {
  return {
    async prepare(spec, context, signal): Promise<Preparation> {
      signal.throwIfAborted();
      const unsupported = unsupportedDemand(spec);
      if (unsupported !== undefined) return notSupported(unsupported);
      const kind = spec.workload?.kind;
      switch (kind?.case) {
        case 'script':
          return await drivers.script.prepare(kind.value, spec, context, signal);
        case 'process':
          return await drivers.process.prepare(kind.value, spec, context, signal);
        case 'container':
          return notSupported('workload.container: this agent cannot run containers yet');
        case 'modelServer':
          return notSupported('workload.model_server: this agent cannot run model servers yet');
        case undefined:
          return {
            kind: 'not_run',
            reason: NotRunReason.INVALID_SPEC,
            message: 'workload: is not set, or of a kind this agent is too old to know; update the agent',
          };
        default:
          return assertNever(kind);
      }
    },
  };
}

/** The kinds that can run here, for the agent's capabilities. */
export function supportedKinds(drivers: Drivers): WorkloadKind[] {
  return [drivers.script.kind, drivers.process.kind];
}

/** A demand that the plain supervisor cannot meet: running anyway would be worse than refusing. */
function unsupportedDemand(spec: JobSpec): string | undefined {
  if (spec.runAs !== '') return 'run_as: this agent starts jobs as its own user only; leave it empty';
  if (spec.secrets.length > 0) return 'secrets: this agent cannot fetch secrets yet';
  return undefined;
}

function notSupported(message: string): Preparation {
  return { kind: 'not_run', reason: NotRunReason.UNSUPPORTED, message };
}
