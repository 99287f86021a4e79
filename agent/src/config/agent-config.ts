/**
 * The agent's settings: one table for flags, environment and file. The join token is best given as a file: arguments and
 * environments can be read by others on the machine.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  booleanField,
  integerField,
  listField,
  optional,
  parseAddress,
  pathField,
  stringField,
} from '@muster/common/config/fields';
import { type Fields, loadConfig } from '@muster/common/config/load-config';
import { printConfig } from '@muster/common/config/show-config';
import { AppError, errnoOf } from '@muster/common/errors/app-error';
import type { LogLevel } from '@muster/common/logging/logger';

/** Settings as written. */
interface RawConfig {
  readonly stateDir: string;
  readonly joinToken: string | undefined;
  readonly joinTokenFile: string | undefined;
  readonly orchestrator: readonly string[];
  readonly name: string | undefined;
  readonly labels: readonly string[];
  readonly maxAttempts: number;
  readonly cloudMetadata: boolean;
  readonly logLevel: string;
  readonly logFormat: string;
}

/** Settings as used. */
export interface AgentConfig {
  readonly stateDir: string;
  /** The token's text; undefined where none is given (a machine that is enrolled needs none). */
  readonly joinToken: string | undefined;
  /** Overrides the agent door's addresses; empty: those from enrolment. */
  readonly orchestratorAddresses: readonly string[];
  readonly name: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly maxAttempts: number;
  /** Whether the cloud's own facts may be asked for. */
  readonly cloudMetadata: boolean;
  readonly logLevel: LogLevel;
  /** Undefined: readable on a terminal, JSON otherwise. */
  readonly logPretty: boolean | undefined;
  /** The agent's own environment, which runs may inherit. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What the command line asks for. */
export type AgentCommand =
  | { readonly kind: 'run'; readonly config: AgentConfig }
  | { readonly kind: 'print'; readonly text: string };

/** The table; docs/ prints it. */
export const agentFields: Fields<RawConfig> = {
  stateDir: pathField({
    name: 'state_dir',
    flag: 'state-dir',
    env: 'MUSTER_AGENT_STATE_DIR',
    description: 'Directory of the key, the ledger and the output of jobs; made if absent, closed to others.',
    default: '/var/lib/muster-agent',
  }),
  joinToken: optional(
    stringField({
      name: 'join_token',
      flag: 'join-token',
      env: 'MUSTER_AGENT_JOIN_TOKEN',
      description:
        'Token that lets this machine in, once. Others on the machine can read arguments: prefer join_token_file.',
      secret: true,
    }),
  ),
  joinTokenFile: optional(
    pathField({
      name: 'join_token_file',
      flag: 'join-token-file',
      env: 'MUSTER_AGENT_JOIN_TOKEN_FILE',
      description: 'File that holds the join token. Not read once the machine is enrolled.',
    }),
  ),
  orchestrator: listField({
    name: 'orchestrator',
    flag: 'orchestrator',
    env: 'MUSTER_AGENT_ORCHESTRATOR',
    description: 'Addresses of the agent door, HOST:PORT, instead of those from enrolment.',
    default: [],
  }),
  name: optional(
    stringField({
      name: 'name',
      flag: 'name',
      env: 'MUSTER_AGENT_NAME',
      description: 'Name of the node, used at enrolment. Default: the hostname.',
    }),
  ),
  labels: listField({
    name: 'labels',
    flag: 'label',
    env: 'MUSTER_AGENT_LABELS',
    unit: 'KEY=VALUE',
    description: 'Labels of the node.',
    default: [],
  }),
  maxAttempts: integerField({
    name: 'max_attempts',
    flag: 'max-attempts',
    env: 'MUSTER_AGENT_MAX_ATTEMPTS',
    description: 'Most attempts that run at once.',
    default: 128,
    range: { min: 1, max: 10_000 },
  }),
  cloudMetadata: booleanField({
    name: 'cloud_metadata',
    flag: 'cloud-metadata',
    env: 'MUSTER_AGENT_CLOUD_METADATA',
    description: 'Whether the metadata address of clouds may be asked (on or off).',
    default: true,
  }),
  logLevel: stringField({
    name: 'log_level',
    flag: 'log-level',
    env: 'MUSTER_AGENT_LOG_LEVEL',
    description: 'error, warn, info or debug.',
    default: 'info',
  }),
  logFormat: stringField({
    name: 'log_format',
    flag: 'log-format',
    env: 'MUSTER_AGENT_LOG_FORMAT',
    description: 'json, pretty, or auto: pretty on a terminal.',
    default: 'auto',
  }),
};

const LEVELS: ReadonlySet<string> = new Set<LogLevel>(['error', 'warn', 'info', 'debug']);
/** As the contract says of labels. */
const LABEL_KEY = /^[a-z0-9](?:[a-z0-9._/-]{0,61}[a-z0-9])?$/;
const LABEL_VALUE = /^[A-Za-z0-9._-]{0,63}$/;

/**
 * Reads arguments, environment and file.
 * @param version shown by --version
 * @throws AppError invalid_argument that lists every problem
 */
export function readCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  version: string,
): AgentCommand {
  const flags = parseFlags(args);
  if (flags['help'] === true) return { kind: 'print', text: helpText() };
  if (flags['version'] === true) return { kind: 'print', text: `muster-agent ${version}\n` };
  const file = typeof flags['config'] === 'string' ? flags['config'] : undefined;
  const { value } = loadConfig<RawConfig>({ file, env: environment, flags, fields: agentFields });
  const config = checked(value, environment);
  if (flags['print-config'] === true) return { kind: 'print', text: printConfig(value, agentFields) };
  return { kind: 'run', config };
}

/** The program's own arguments and environment; the only place that reads them. */
export function ownCommand(version: string): AgentCommand {
  return readCommand(process.argv.slice(2), process.env, version);
}

function parseFlags(args: readonly string[]): Record<string, unknown> {
  try {
    const text = { type: 'string' } as const;
    const many = { type: 'string', multiple: true } as const;
    const yes = { type: 'boolean' } as const;
    const { values } = parseArgs({
      args: [...args],
      options: {
        'state-dir': text,
        'join-token': text,
        'join-token-file': text,
        orchestrator: many,
        name: text,
        label: many,
        'max-attempts': text,
        'cloud-metadata': text,
        'log-level': text,
        'log-format': text,
        config: text,
        'print-config': yes,
        help: { ...yes, short: 'h' },
        version: yes,
      },
    });
    const cloud = values['cloud-metadata'];
    if (cloud !== 'on' && cloud !== 'off') return values;
    return { ...values, 'cloud-metadata': cloud === 'on' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError('invalid_argument', `${reason}; see muster-agent --help`, { cause: error });
  }
}

function checked(raw: RawConfig, environment: AgentConfig['environment']): AgentConfig {
  const problems: string[] = [];
  const labels = labelsOf(raw.labels, problems);
  for (const address of raw.orchestrator) collect(problems, '--orchestrator', () => parseAddress(address));
  if (!isLevel(raw.logLevel)) problems.push(`--log-level: ${raw.logLevel} is none of error, warn, info, debug`);
  if (!['json', 'pretty', 'auto'].includes(raw.logFormat)) {
    problems.push(`--log-format: ${raw.logFormat} is none of json, pretty, auto`);
  }
  if (raw.joinToken !== undefined && raw.joinTokenFile !== undefined) {
    problems.push('--join-token and --join-token-file: give one of the two');
  }
  const joinToken = raw.joinToken ?? tokenFrom(raw, problems);
  const logLevel = isLevel(raw.logLevel) ? raw.logLevel : 'info';
  if (problems.length > 0) {
    throw new AppError('invalid_argument', `the configuration has problems:\n  ${problems.join('\n  ')}`);
  }
  return {
    stateDir: raw.stateDir,
    joinToken,
    orchestratorAddresses: raw.orchestrator,
    name: raw.name,
    labels,
    maxAttempts: raw.maxAttempts,
    cloudMetadata: raw.cloudMetadata,
    logLevel,
    logPretty: raw.logFormat === 'auto' ? undefined : raw.logFormat === 'pretty',
    environment,
  };
}

function isLevel(text: string): text is LogLevel {
  return LEVELS.has(text);
}

/** The token in the file. Its absence is no problem on a machine that is enrolled: the file may be gone by then. */
function tokenFrom(raw: RawConfig, problems: string[]): string | undefined {
  if (raw.joinTokenFile === undefined) return undefined;
  try {
    return readFileSync(raw.joinTokenFile, 'utf8').trim();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || !isEnrolled(raw.stateDir)) {
      problems.push(`--join-token-file: cannot read ${raw.joinTokenFile} (${errnoOf(error) ?? 'unknown reason'})`);
    }
    return undefined;
  }
}

function isEnrolled(stateDir: string): boolean {
  try {
    return readFileSync(join(stateDir, 'node.json')).byteLength > 0;
  } catch {
    return false;
  }
}

function labelsOf(texts: readonly string[], problems: string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf('=');
    const key = text.slice(0, Math.max(at, 0));
    const value = text.slice(at + 1);
    if (at < 1 || !LABEL_KEY.test(key) || !LABEL_VALUE.test(value)) {
      problems.push(`--label: ${JSON.stringify(text)} is no label; write key=value (key of a-z, 0-9, . _ / -)`);
    } else labels[key] = value;
  }
  return labels;
}

function collect(problems: string[], where: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    problems.push(`${where}: ${AppError.from(error).message}`);
  }
}

function helpText(): string {
  const rows = Object.values(agentFields).map((field) => {
    const shown = `--${field.flag}`.padEnd(20);
    return `  ${shown} ${field.description} [${field.env}]`;
  });
  return `muster-agent: runs this machine's part of a Muster cluster.

The first start needs a join token (ask for one with \`muster token create\`):
  muster-agent --state-dir /var/lib/muster-agent --join-token-file /run/join-token
Later starts need only the state directory.

${rows.join('\n')}
  --config             YAML file with the same settings.
  --print-config       Print the settings in force and exit; secrets are masked.
  --help, --version
`;
}
