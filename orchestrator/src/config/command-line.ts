// What the program was asked to do: its flags (made of the table of settings), its environment and its file, checked
// together. The only place of the orchestrator that reads the environment.
import { printAddress } from '@muster/common/config/fields';
import { entriesOf, loadConfig } from '@muster/common/config/load-config';
import { printConfig } from '@muster/common/config/show-config';
import { musterVersion } from '@muster/common/version/version';
import { Command, Option } from 'commander';
import { type OrchestratorConfig, orchestratorFields } from './orchestrator-config.ts';

/** What to do. --help and --version are done already: they print and end the process. */
export type Task =
  | { readonly kind: 'run'; readonly config: OrchestratorConfig }
  | { readonly kind: 'print'; readonly text: string };

const EXAMPLES = `
Examples:
  muster-orchestrator --data-dir /var/lib/muster
      listens on ports ${listenPort('agentListen')} (agents) and ${listenPort('controlListen')} (people and services) of all interfaces
  muster-orchestrator --data-dir ./data --agent-listen 127.0.0.1:0 --control-listen 127.0.0.1:0
      for a try on one machine: free ports, which ./data/endpoints.json names
  muster-orchestrator --config /etc/muster/orchestrator.yaml --print-config
      shows the settings in force and ends

The first start makes the cluster's certificate authority and writes the first admin key to DIR/admin.token.
Each flag can be set in the file and in the environment too; flags win, then the environment.
`;

/**
 * Reads the command line.
 * @throws AppError invalid_argument that lists every problem of the settings at once
 */
export function readCommandLine(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Task {
  const command = programOf();
  command.parse([...argv]);
  const given = command.opts<Record<string, unknown>>();
  const flags = Object.fromEntries(
    command.options.map((option): [string, unknown] => [option.name(), given[option.attributeName()]]),
  );
  const file = flags['config'] ?? env['MUSTER_ORCHESTRATOR_CONFIG'];
  const { value } = loadConfig({
    ...(typeof file === 'string' && file !== '' ? { file } : {}),
    env,
    flags,
    fields: orchestratorFields,
  });
  if (flags['print-config'] === true) return { kind: 'print', text: printConfig(value, orchestratorFields) };
  return { kind: 'run', config: value };
}

function programOf(): Command {
  const command = new Command('muster-orchestrator')
    .description('Keeps jobs and hands them to agents; people and services talk to it.')
    .version(musterVersion)
    .allowExcessArguments(false)
    .showHelpAfterError('Add --help for all flags.')
    .configureHelp({ helpWidth: 110 })
    .addHelpText('after', EXAMPLES);
  for (const [, field] of entriesOf(orchestratorFields)) {
    if (field.flag === undefined) continue;
    const fallback =
      field.fallback.kind === 'default' && field.fallback.value !== undefined
        ? ` (default ${field.print(field.fallback.value)})`
        : '';
    const hint = `${field.description}${fallback} [${field.env}]`;
    const option = new Option(`--${field.flag} <${field.unit ?? field.kind}>`, hint);
    if (field.kind === 'list') option.argParser(collected);
    command.addOption(option);
  }
  return command
    .option('--config <path>', 'A YAML file with settings. [MUSTER_ORCHESTRATOR_CONFIG]')
    .option('--print-config', 'Print the settings in force, as such a file, and end.');
}

/** A flag that may be repeated, with commas inside too. */
function collected(text: string, before: unknown): readonly string[] {
  return [...(Array.isArray(before) ? before : []), ...text.split(',').map((part) => part.trim())];
}

function listenPort(key: 'agentListen' | 'controlListen'): string {
  const { fallback } = orchestratorFields[key];
  return fallback.kind === 'default' ? (printAddress(fallback.value).split(':').at(-1) ?? '') : '';
}
