/** Builds the agent: the one place where its parts meet. What is opened here is closed in reverse by the stack. */
import { defaultBackoff, makeBackoff } from '@muster/common/backoff/backoff';
import { lockDirectory } from '@muster/common/disk/directory-lock';
import { AppError } from '@muster/common/errors/app-error';
import { makeIds } from '@muster/common/ids/ids';
import { type Loop, runLoops } from '@muster/common/lifecycle/run-loops';
import { Latest } from '@muster/common/queue/latest';
import type { Fingerprint } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { Ledger } from './assignments/ledger.ts';
import { runLedgerSyncLoop } from './assignments/ledger-sync-loop.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { runConnectionLoop } from './connection/connection-loop.ts';
import { dialer } from './connection/dial.ts';
import { runSession, type SessionDeps } from './connection/session.ts';
import { StatusOutbox } from './connection/status-outbox.ts';
import { runCapabilityReporterLoop } from './fingerprint/capability-reporter-loop.ts';
import { fingerprintOf, type ProbeResults, runProbes } from './fingerprint/collect.ts';
import { makeUsageSampler } from './fingerprint/usage.ts';
import { runCertificateExpiryLoop } from './identity/certificate-expiry.ts';
import { type Identity, identify } from './identity/identify.ts';
import { bootId, machineIdHash } from './identity/machine-id.ts';
import { openStateDirectory, type StateDirectory } from './identity/state-directory.ts';
import { makeFreeSpace } from './jobs/free-space.ts';
import { HeldAttempts } from './jobs/held-attempts.ts';
import { TaskSet } from './jobs/task-set.ts';
import { makeLogPort } from './logs/log-port.ts';
import { runOutputWatchLoop } from './logs/output-watch-loop.ts';
import { RunOutputs } from './logs/run-outputs.ts';
import { openShSupervisor, type ShSupervisor } from './supervisor/sh-supervisor.ts';
import type { AgentWorld } from './world.ts';

/** The agent, ready to run. */
export interface Agent {
  readonly nodeId: string;
  /** Runs until aborted: jobs go on, the session says goodbye. Rejects when a loop fails for good. */
  run(signal: AbortSignal): Promise<void>;
}

/** Parts that the stack closes. */
interface Opened {
  readonly state: StateDirectory;
  readonly identity: Identity;
  readonly ledger: Ledger;
  readonly supervisor: ShSupervisor;
  readonly bootId: string;
  readonly machineIdHash: string;
}

/**
 * Locks the state directory, enrols where needed, opens the ledger and the supervisor. Abort ends an enrolment.
 * @throws AppError failed_precondition when another agent has the directory, and what enrolment throws
 */
export async function composeAgent(
  config: AgentConfig,
  world: AgentWorld,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Agent> {
  const opened = await open(config, world, stack, signal);
  const found = await runProbes(world.probes, world.probeContext, signal);
  return { nodeId: opened.identity.record.nodeId, run: (ending) => run(config, world, opened, found, ending) };
}

async function open(
  config: AgentConfig,
  world: AgentWorld,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Opened> {
  const { clock, disk, logger, random } = world;
  const state = await openStateDirectory(disk, config.stateDir);
  stack.use(await lockDirectory(state.path));
  const machine = await machineIdHash(disk, state.path);
  const identity = await identify({ disk, clock, random, logger, state, machineIdHash: machine }, config, signal);
  const boot = await bootId(disk);
  const ledger = stack.use(await Ledger.open({ disk, path: state.ledgerPath, ids: makeIds(clock, random), logger }));
  const supervisor = stack.use(await openShSupervisor({ directory: state.runsPath, clock, logger, bootId: boot }));
  return { state, identity, ledger, supervisor, bootId: boot, machineIdHash: machine };
}

async function run(
  config: AgentConfig,
  world: AgentWorld,
  opened: Opened,
  found: ProbeResults,
  signal: AbortSignal,
): Promise<void> {
  // Also where a loop has failed: an activity that waits for a run would keep a process alive that does nothing more.
  const over = new AbortController();
  const tasks = new TaskSet(world.logger, AbortSignal.any([signal, over.signal]));
  try {
    await runWith(config, world, opened, found, tasks, signal);
  } finally {
    over.abort(new AppError('cancelled', 'the agent ends'));
    await tasks.settled();
  }
}

async function runWith(
  config: AgentConfig,
  world: AgentWorld,
  opened: Opened,
  found: ProbeResults,
  tasks: TaskSet,
  signal: AbortSignal,
): Promise<void> {
  const fingerprint = new Latest<Fingerprint>(fingerprintOf(found));
  const { clock, disk, logger, random } = world;
  const { state, identity, ledger, supervisor } = opened;
  const outputs = new RunOutputs(clock, (key, stream) => supervisor.outputPath(key, stream));
  const statuses = new StatusOutbox();
  const attempts = new HeldAttempts({
    ...world,
    ledger,
    supervisor,
    logs: outputs,
    statuses,
    bootId: opened.bootId,
    workPath: state.workPath,
    environment: config.environment,
    nodeName: identity.record.nodeName,
    freeSpace: makeFreeSpace(disk, clock, state.path),
    maxAttempts: config.maxAttempts,
    tasks,
  });
  await attempts.recover();
  const usage = makeUsageSampler({
    platform: world.probeContext.platform,
    root: world.probeContext.root,
    stateDirectory: state.path,
    runningAttempts: () => attempts.active,
    spoolBytes: () => BigInt(outputs.spoolBytes),
  });
  const session: SessionDeps = {
    facts: {
      ledgerId: ledger.ledgerId,
      bootId: opened.bootId,
      processId: makeIds(clock, random).next(),
      machineIdHash: opened.machineIdHash,
      labels: config.labels,
      maxAttempts: config.maxAttempts,
    },
    work: attempts,
    logs: makeLogPort({ outputs, disk, clock, logger }),
    statuses,
    epochs: ledger,
    fingerprints: {
      get fingerprint() {
        return fingerprint.value;
      },
      changes: (ending) => fingerprint.changes(ending),
      usage: () => usage.sample(),
    },
    clock,
    random,
    logger,
  };
  await runLoops(loopsOf(config, world, opened, { session, outputs, fingerprint, found }), signal, logger);
  await tasks.settled();
}

/** What the loops share beyond what is opened. */
interface LoopParts {
  readonly session: SessionDeps;
  readonly outputs: RunOutputs;
  readonly fingerprint: Latest<Fingerprint>;
  readonly found: ProbeResults;
}

/** Everything that goes on for as long as the agent runs, by name. */
function loopsOf(config: AgentConfig, world: AgentWorld, opened: Opened, parts: LoopParts): Record<string, Loop> {
  const { clock, logger, random } = world;
  const { state, identity, ledger } = opened;
  const { session, outputs, fingerprint, found } = parts;
  return {
    connection: (ending) =>
      runConnectionLoop(
        {
          dial: dialer(identity.tls),
          addresses: addressesOf(config, identity),
          backoff: makeBackoff(defaultBackoff, random),
          clock,
          logger,
          runSession: (connection, healthy, over) => runSession(session, connection.channel, healthy, over),
        },
        ending,
      ),
    ledger_sync: (ending) => runLedgerSyncLoop({ ledger, clock, logger }, ending),
    output_watch: (ending) => runOutputWatchLoop({ directory: state.runsPath, outputs, clock, logger }, ending),
    capabilities: (ending) =>
      runCapabilityReporterLoop(
        {
          probes: world.probes,
          context: world.probeContext,
          first: found,
          report: (changed) => fingerprint.set(changed),
        },
        ending,
      ),
    certificate_expiry: (ending) =>
      runCertificateExpiryLoop({ certificatePem: identity.tls.certPem, clock, logger }, ending),
  };
}

function addressesOf(config: AgentConfig, identity: Identity): readonly string[] {
  return config.orchestratorAddresses.length > 0 ? config.orchestratorAddresses : identity.record.agentAddresses;
}
