/**
 * The command line: what commands there are, what they take and what their help says. Only declarations: a command's
 * own code, and everything it imports, is loaded when it is the one to run.
 */
import { musterVersion } from '@muster/common/version/version';
import { Command } from 'commander';
import type { Command as MusterCommand } from '../context.ts';
import { accessCommands } from './access-commands.ts';
import type { Action } from './action.ts';
import { jobCommands } from './job-commands.ts';
import { nodeCommands } from './node-commands.ts';
import { Options } from './options.ts';

/** Runs the command that was asked for. */
export type Dispatch = (
  name: string,
  load: () => Promise<MusterCommand>,
  args: readonly string[],
  options: Options,
) => Promise<void>;

const SETTINGS_HELP = `
Where the orchestrator is and who you are, first found wins, each on its own:
  flags         --url https://HOST:PORT  --token-file FILE  --ca-file FILE
  environment   MUSTER_URL, MUSTER_TOKEN or MUSTER_TOKEN_FILE, MUSTER_CA_FILE
  file          ~/.config/muster/config.yaml (or --config FILE) with lines url:, token_file:, ca_file:

Examples:
  muster run -- uname -a                  run a program on some node and see its output
  muster run --all -- df -h /             on every node, each line with the node's name
  muster nodes                            see the nodes
  muster jobs                             see what was run
  muster COMMAND --help                   more, with examples
`;

/** The whole command line. It throws commander's errors instead of ending the process, and writes through `write`. */
export function buildProgram(dispatch: Dispatch, write: { out(text: string): void; err(text: string): void }): Command {
  const program = new Command('muster');
  program
    .description('Runs work on fleets of machines without SSH.')
    .usage('[options] COMMAND')
    .version(`muster ${musterVersion}`, '-V, --version', 'print the version')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: write.out, writeErr: write.err, outputError: () => {} })
    .addHelpText('after', SETTINGS_HELP);
  const action: Action =
    (load) =>
    async (...given) => {
      const command = given.at(-1);
      if (!(command instanceof Command)) throw new Error('commander called an action without its command');
      await dispatch(command.name(), load, command.args, new Options(command.optsWithGlobals()));
    };
  jobCommands(program, action);
  nodeCommands(program, action);
  accessCommands(program, action);
  for (const command of [program, ...leaves(program)]) addConnectionOptions(command);
  return program;
}

function leaves(command: Command): Command[] {
  return command.commands.flatMap((each) => (each.commands.length === 0 ? [each] : leaves(each)));
}

function addConnectionOptions(command: Command): void {
  command
    .option('--url <url>', "the orchestrator's control door, https://HOST:PORT")
    .option('--token-file <file>', 'file that holds your key')
    .option('--ca-file <file>', "the orchestrator's CA certificate")
    .option('--config <file>', 'file with these settings');
}
