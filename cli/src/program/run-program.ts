/** Runs one command line to its exit code; every failure ends here as one line on standard error. */
import { isAppError } from '@muster/common/errors/app-error';
import { CommanderError } from 'commander';
import type { CommandContext } from '../context.ts';
import { OutputClosed } from '../output/output.ts';
import { safeText } from '../output/terminal-safe.ts';
import { EXIT_INTERRUPTED, EXIT_MUSTER, EXIT_USAGE } from '../run/exit-code.ts';
import { EndedBySignal } from './ended-by-signal.ts';
import { UsageError } from './options.ts';
import { buildProgram } from './program.ts';

/** The reader of our output went away: 128 + SIGPIPE, what a shell shows for programs that do not catch it. */
const EXIT_OUTPUT_CLOSED = 141;
const EXIT_FAILURE = 1;

/** What was called: advice and exit code depend on it. */
interface Called {
  command: string;
  url: string | undefined;
}

/** The exit code. Never throws for what a user or the network did wrong. */
export async function runProgram(argv: readonly string[], context: CommandContext): Promise<number> {
  const printed: { output: 'stdout' | 'stderr'; text: string }[] = [];
  const called: Called = { command: '', url: undefined };
  let exitCode = 0;
  const program = buildProgram(
    async (name, load, args, options) => {
      called.command = name;
      const command = await load();
      exitCode = await command({ args, options }, rememberingUrl(context, called));
    },
    {
      out: (text) => printed.push({ output: 'stdout', text }),
      err: (text) => printed.push({ output: 'stderr', text }),
    },
  );
  try {
    await program.parseAsync(argv, { from: 'user' }).catch(async (error: unknown) => {
      exitCode = await failed(error, called, context);
    });
    for (const { output, text } of printed) await context[output].write(text);
    return exitCode;
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT_OUTPUT_CLOSED;
    throw error;
  }
}

function rememberingUrl(context: CommandContext, called: Called): CommandContext {
  return {
    ...context,
    async open(options) {
      const door = await context.open(options);
      called.url = door.url;
      return door;
    },
  };
}

async function failed(error: unknown, called: Called, context: CommandContext): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  if (error instanceof OutputClosed) return EXIT_OUTPUT_CLOSED;
  if (context.signal.aborted) return exitCodeOfAbort(context.signal.reason);
  const usage = usageText(error);
  if (usage !== undefined) {
    // commander has shown the help itself where a command is missing.
    if (usage !== '') await say(context, usage);
    return EXIT_USAGE;
  }
  await say(context, await adviceText(error, called.url));
  return called.command === 'run' ? EXIT_MUSTER : EXIT_FAILURE;
}

function usageText(error: unknown): string | undefined {
  if (error instanceof UsageError) return `${error.message}; --help shows how`;
  if (!(error instanceof CommanderError)) return undefined;
  if (error.code === 'commander.help' || error.message === '(outputHelp)') return '';
  return `${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}; --help shows how`;
}

async function adviceText(error: unknown, url: string | undefined): Promise<string> {
  if (isAppError(error)) return error.message;
  const { adviceOn } = await import('../client/failure.ts');
  return adviceOn(error, url ?? 'the orchestrator');
}

async function say(context: CommandContext, text: string): Promise<void> {
  const line = text.replaceAll('\n', ' ');
  await context.stderr.write(`muster: ${context.stderr.isTerminal ? safeText(line) : line}\n`);
}

function exitCodeOfAbort(reason: unknown): number {
  return reason instanceof EndedBySignal ? reason.exitCode : EXIT_INTERRUPTED;
}
