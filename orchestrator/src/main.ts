// The orchestrator's program: reads its settings, builds everything, runs until it is told to end, ends cleanly.
import { systemClock } from '@muster/common/clock/clock';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { AppError, errorChain, isAppError } from '@muster/common/errors/app-error';
import { onTermination } from '@muster/common/lifecycle/shutdown';
import { type Logger, makeLogger } from '@muster/common/logging/logger';
import { systemRandom } from '@muster/common/random/random';
import { composeOrchestrator } from './compose.ts';
import { readCommandLine } from './config/command-line.ts';
import { writeEndpointsFile } from './config/endpoints-file.ts';
import type { OrchestratorConfig } from './config/orchestrator-config.ts';

/** Doors drain for 5 s and the store commits what is due; whatever takes longer is stuck. */
const HARD_DEADLINE_MS = 20_000;

async function run(config: OrchestratorConfig, logger: Logger): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const termination = stack.use(onTermination(systemClock, { hardDeadlineMs: HARD_DEADLINE_MS }, logger));
  const deps = { clock: systemClock, random: systemRandom, disk: nodeDisk, logger };
  const orchestrator = await composeOrchestrator(config, deps, stack);
  const file = await writeEndpointsFile(nodeDisk, config.dataDirectory, orchestrator.endpoints);
  const { agentAddress, controlUrl, adminTokenFile } = orchestrator.endpoints;
  logger.info({ agentAddress, controlUrl, endpoints: file, firstAdminKeyFile: adminTokenFile }, 'ready');
  await orchestrator.run(termination.signal);
}

function loggerOf(config: OrchestratorConfig): Logger {
  const pretty = config.logFormat === 'auto' ? {} : { pretty: config.logFormat === 'pretty' };
  return makeLogger({ name: 'orchestrator', level: config.logLevel, ...pretty });
}

async function main(): Promise<void> {
  const task = readCommandLine(process.argv);
  if (task.kind === 'print') {
    process.stdout.write(task.text);
    return;
  }
  const logger = loggerOf(task.config);
  await run(task.config, logger).catch((error: unknown) => {
    if (AppError.from(error).code === 'internal') logger.error({ err: error }, 'ended by a failure');
    throw error;
  });
}

main().catch((error: unknown) => {
  // What a person can mend is told in a sentence; for the rest the chain of causes is what there is.
  const text = isAppError(error) && error.code !== 'internal' ? error.message : errorChain(error);
  process.stderr.write(`muster-orchestrator: ${text}\n`);
  process.exitCode = 1;
});
