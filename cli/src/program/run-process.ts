/** Joins a command line to this process: its descriptors, signals, environment and exit code. */
import { systemClock } from '@muster/common/clock/clock';
import { systemRandom } from '@muster/common/random/random';
import { loadSettings, processEnvironment, wantsColors } from '../config/settings.ts';
import type { CommandContext } from '../context.ts';
import { readUpTo } from '../input/read-input.ts';
import { streamOutput } from '../output/stream-output.ts';
import { connectionFlags } from './connection-flags.ts';
import { EndedBySignal } from './ended-by-signal.ts';
import { processInterrupts } from './process-interrupts.ts';
import { runProgram } from './run-program.ts';

const SIGNALS = [
  ['SIGTERM', 128 + 15],
  ['SIGHUP', 128 + 1],
] as const;

/** Runs the command line and ends the process with its exit code. */
export async function runProcess(argv: readonly string[]): Promise<void> {
  const env = processEnvironment();
  const ending = new AbortController();
  for (const [signal, exitCode] of SIGNALS) {
    process.on(signal, () => {
      // Told twice: whoever sends it does not want to wait for a reader that stands still.
      if (ending.signal.aborted) process.exit(exitCode);
      ending.abort(new EndedBySignal(exitCode));
    });
  }
  const context: CommandContext = {
    stdout: streamOutput(process.stdout, wantsColors(env)),
    stderr: streamOutput(process.stderr, wantsColors(env)),
    readStdin: (limitBytes) => readUpTo(process.stdin, limitBytes),
    clock: systemClock,
    random: systemRandom,
    env,
    signal: ending.signal,
    interrupts: processInterrupts(ending),
    async open(options) {
      const settings = await loadSettings(connectionFlags(options), env);
      const { openControlDoor } = await import('../client/control-door.ts');
      return openControlDoor(settings);
    },
  };
  // Not left to the event loop: a closing connection would keep it for another round trip.
  process.exit(await runProgram(argv, context));
}
