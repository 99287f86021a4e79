/** The outside world as this machine has it: its clock, disk, shell, drivers and probes. */
import { type Clock, systemClock } from '@muster/common/clock/clock';
import type { Disk } from '@muster/common/disk/disk';
import { nodeDisk } from '@muster/common/disk/node-disk';
import type { Logger } from '@muster/common/logging/logger';
import { type Random, systemRandom } from '@muster/common/random/random';
import type { AgentConfig } from './config/agent-config.ts';
import { driverRegistry, supportedKinds } from './drivers/driver-registry.ts';
import { processDriver } from './drivers/process/process-driver.ts';
import { makeScriptDriver } from './drivers/script/script-driver.ts';
import type { Probe, ProbeContext } from './fingerprint/probe.ts';
import { runCommand } from './fingerprint/run-command.ts';

import { standardProbes } from './fingerprint/standard-probes.ts';
import type { DriverPort } from './jobs/attempt-ports.ts';
import { PreflightCheck } from './supervisor/preflight.ts';

/** The outside world. */
export interface AgentWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly drivers: DriverPort;
  readonly driverKinds: ReadonlySet<string>;
  readonly probes: readonly Probe[];
  readonly probeContext: ProbeContext;
}

/** The real one. */
export function thisMachine(config: AgentConfig, logger: Logger): AgentWorld {
  const drivers = {
    script: makeScriptDriver({ disk: nodeDisk, programs: new PreflightCheck() }),
    process: processDriver,
  };
  const kinds = supportedKinds(drivers);
  return {
    clock: systemClock,
    random: systemRandom,
    disk: nodeDisk,
    logger,
    drivers: driverRegistry(drivers),
    driverKinds: new Set(kinds),
    probes: standardProbes({ drivers: kinds, cloudMetadata: config.cloudMetadata }),
    probeContext: {
      platform: process.platform,
      root: '/',
      environment: config.environment,
      clock: systemClock,
      runCommand,
    },
  };
}
