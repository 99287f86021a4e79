// The composition root: builds every part, joins the ports, and does nothing else. What is opened here is closed by the stack, in reverse:
// first the doors, so that nothing new comes, then the logs, last the store.
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@muster/common/clock/clock';
import { printAddress } from '@muster/common/config/fields';
import type { Disk } from '@muster/common/disk/disk';
import { makeIds } from '@muster/common/ids/ids';
import { type Loop, runLoops } from '@muster/common/lifecycle/run-loops';
import type { Logger } from '@muster/common/logging/logger';
import type { Random } from '@muster/common/random/random';
import { ApiKeys } from './access/api-keys.ts';
import { ensureFirstAdminKey, firstAdminKeyPath } from './access/first-admin-key.ts';
import { openControlDoor } from './api/control-door.ts';
import { openPageTokenKey, pageTokens } from './api/page-token.ts';
import { composeServices } from './compose-services.ts';
import { type ComposedWork, composeWork } from './compose-work.ts';
import { advertisedAddresses, hostNames, hostsOf } from './config/advertised.ts';
import type { Endpoints } from './config/endpoints-file.ts';
import type { OrchestratorConfig } from './config/orchestrator-config.ts';
import { runDeadlineLoop } from './dispatch/deadline-loop.ts';
import { runGoneNodesLoop } from './dispatch/gone-nodes-loop.ts';
import { runSchedulerLoop } from './dispatch/scheduler-loop.ts';
import { makeWorkPort } from './dispatch/work-port.ts';
import { healthState } from './observability/health-state.ts';
import { openCertificateAuthority, publicPath } from './pki/certificate-authority.ts';
import { openServerCertificate } from './pki/server-certificate.ts';
import { openAgentDoor } from './sessions/agent-door.ts';
import { type LivenessLoopDeps, runLivenessLoop } from './sessions/liveness-loop.ts';
import { NodeDirectory } from './sessions/node-directory.ts';
import { SessionRegistry } from './sessions/session-registry.ts';
import { openStore } from './store/open-store.ts';

/** What the outside gives. */
export interface OrchestratorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly logger: Logger;
}

/** An orchestrator whose doors are open. */
export interface ComposedOrchestrator {
  readonly endpoints: Endpoints;
  /** Returns when the signal is aborted; rejects when a loop fails. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Builds everything and opens the doors. What it opens is on the stack, also when it fails half-way. */
export async function composeOrchestrator(
  config: OrchestratorConfig,
  deps: OrchestratorDeps,
  stack: AsyncDisposableStack,
): Promise<ComposedOrchestrator> {
  const { clock, random, disk, logger } = deps;
  const { dataDirectory } = config;
  const ids = makeIds(clock, random);
  const store = stack.use(await openStore({ dataDirectory, clock, ids }));
  const { clusterId } = store;
  const authority = await openCertificateAuthority({ dataDirectory, clusterId, disk, clock, random });
  const keys = new ApiKeys({ store: store.access, clock, random, ids });
  await ensureFirstAdminKey({ dataDirectory, disk, store: store.access, keys, logger });

  const settings = { heartbeatPeriodMs: config.heartbeatPeriodMs };
  const directory = await NodeDirectory.load({ store: store.nodes, clock, logger, settings });
  stack.defer(() => directory.flush());
  const registry = new SessionRegistry(clock);
  const work = await composeWork({ ...deps, ids, jobs: store.jobs, directory, dataDirectory }, stack);

  const host = hostNames();
  const names = [host.hostname, hostname(), ...host.addresses];
  const door = (which: string, advertised: readonly string[]) =>
    openServerCertificate({
      path: join(dataDirectory, 'pki', `${which}.pem`),
      names: [...names, ...hostsOf(advertised)],
      authority,
      disk,
      clock,
    });
  const agentDoor = stack.use(
    await openAgentDoor(
      {
        nodes: directory,
        work: makeWorkPort(work.dispatch),
        logs: work.intake,
        registry,
        settings: { ...settings, log: logSettings(config) },
        storeEpoch: store.epoch,
        clock,
        ids,
        logger,
      },
      random,
      { ...config.agentListen, identity: await door('agent-door', config.advertiseAgent) },
    ),
  );
  const agentAddress = { host: config.agentListen.host, port: agentDoor.port };
  const agentAddresses = advertisedAddresses(config.advertiseAgent, agentAddress, host);

  let controlPort = config.controlListen.port;
  const controlAddresses = () =>
    advertisedAddresses(config.advertiseControl, { host: config.controlListen.host, port: controlPort }, host);
  const health = healthState();
  const pages = pageTokens(await openPageTokenKey(disk, dataDirectory, random));
  const services = composeServices({
    ...deps,
    ids,
    store,
    directory,
    authority,
    keys,
    work,
    pages,
    health,
    agentAddresses,
    controlAddresses,
  });
  const controlDoor = stack.use(
    await openControlDoor(
      { keys, services, tls: await door('control-door', config.advertiseControl), clock, ids, logger },
      config.controlListen,
    ),
  );
  controlPort = controlDoor.port;
  stack.defer(() => health.set('ending'));
  health.set('serving');

  return {
    endpoints: {
      agentAddress: agentAddresses[0] ?? printAddress(agentAddress),
      controlUrl: `https://${controlAddresses()[0]}`,
      caFile: publicPath({ dataDirectory }),
      adminTokenFile: firstAdminKeyPath(dataDirectory),
    },
    run: (signal) => runLoops(loopsOf(work, { directory, registry, clock, ...settings }), signal, logger),
  };
}

/** Everything that goes on for as long as the orchestrator runs, by name. */
function loopsOf({ dispatch }: ComposedWork, liveness: LivenessLoopDeps): Record<string, Loop> {
  return {
    scheduler: (ended) => runSchedulerLoop(dispatch, ended),
    deadlines: (ended) => runDeadlineLoop(dispatch, ended),
    gone_nodes: (ended) => runGoneNodesLoop(dispatch, ended),
    liveness: (ended) => runLivenessLoop(liveness, ended),
  };
}

function logSettings(config: OrchestratorConfig) {
  return {
    nodeWindowBytes: config.nodeWindowBytes,
    streamWindowBytes: config.streamWindowBytes,
    chunkBytes: config.logChunkBytes,
    flushIntervalMs: config.logFlushMs,
  };
}
