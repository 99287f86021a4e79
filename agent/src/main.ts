/** The agent's program: reads its settings, enrols where needed, runs until it is told to end. Jobs go on without it. */
import { systemClock } from '@muster/common/clock/clock';
import { AppError, errorChain, isAppError } from '@muster/common/errors/app-error';
import { onTermination } from '@muster/common/lifecycle/shutdown';
import { type Logger, makeLogger } from '@muster/common/logging/logger';
import { musterVersion } from '@muster/common/version/version';
import { composeAgent } from './compose.ts';
import { type AgentConfig, ownCommand } from './config/agent-config.ts';
import { thisMachine } from './world.ts';

/** A goodbye and the ledger's last sync take milliseconds; whatever takes longer is stuck. */
const HARD_DEADLINE_MS = 10_000;

async function run(config: AgentConfig, logger: Logger): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { signal } = stack.use(onTermination(systemClock, { hardDeadlineMs: HARD_DEADLINE_MS }, logger));
  try {
    const agent = await composeAgent(config, thisMachine(config, logger), stack, signal);
    logger.info({ nodeId: agent.nodeId, stateDirectory: config.stateDir }, 'ready');
    await agent.run(signal);
  } catch (error) {
    // Told to end while it was still enrolling: no failure.
    if (!signal.aborted || error !== signal.reason) throw error;
  }
}

async function main(): Promise<void> {
  const command = ownCommand(musterVersion);
  if (command.kind === 'print') {
    process.stdout.write(command.text);
    return;
  }
  const { logLevel: level, logPretty: pretty } = command.config;
  const logger = makeLogger({ name: 'agent', level, ...(pretty === undefined ? {} : { pretty }) });
  await run(command.config, logger).catch((error: unknown) => {
    if (AppError.from(error).code === 'internal') logger.error({ err: error }, 'ended by a failure');
    throw error;
  });
}

main().catch((error: unknown) => {
  const text = isAppError(error) && error.code !== 'internal' ? error.message : errorChain(error);
  process.stderr.write(`muster-agent: ${text}\n`);
  process.exitCode = 1;
});
