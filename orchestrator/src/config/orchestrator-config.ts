// Every setting of the orchestrator: one table that loading, help, --print-config and the reference in docs/ read.
import {
  type Address,
  addressField,
  bytesField,
  durationField,
  type Field,
  listField,
  parseAddress,
  pathField,
  printAddress,
  type Spec,
  stringField,
} from '@muster/common/config/fields';
import type { Fields } from '@muster/common/config/load-config';
import { AppError } from '@muster/common/errors/app-error';
import type { LogLevel } from '@muster/common/logging/logger';

const logLevels = ['error', 'warn', 'info', 'debug'] as const;
const logFormats = ['auto', 'json', 'pretty'] as const;
/** 'auto': readable lines on a terminal, JSON elsewhere. */
export type LogFormat = (typeof logFormats)[number];

/** The settings in force. Sizes in bytes, durations in milliseconds. */
export interface OrchestratorConfig {
  readonly dataDirectory: string;
  readonly agentListen: Address;
  readonly controlListen: Address;
  /** Empty: chosen from the listener and this machine's names. */
  readonly advertiseAgent: readonly string[];
  readonly advertiseControl: readonly string[];
  readonly heartbeatPeriodMs: number;
  readonly nodeWindowBytes: number;
  readonly streamWindowBytes: number;
  readonly logChunkBytes: number;
  readonly logFlushMs: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** The table. */
export const orchestratorFields: Fields<OrchestratorConfig> = {
  dataDirectory: pathField({
    name: 'data_dir',
    flag: 'data-dir',
    env: 'MUSTER_ORCHESTRATOR_DATA_DIR',
    description: 'Where everything is kept: database, logs of jobs, certificates. One orchestrator at a time uses it.',
  }),
  agentListen: addressField({
    name: 'agent_listen',
    flag: 'agent-listen',
    env: 'MUSTER_ORCHESTRATOR_AGENT_LISTEN',
    default: { host: '0.0.0.0', port: 7443 },
    description: 'Where agents connect (mutual TLS). Port 0 takes a free one.',
  }),
  controlListen: addressField({
    name: 'control_listen',
    flag: 'control-listen',
    env: 'MUSTER_ORCHESTRATOR_CONTROL_LISTEN',
    default: { host: '0.0.0.0', port: 7444 },
    description: 'Where people, services and machines that enrol connect (TLS). Port 0 takes a free one.',
  }),
  advertiseAgent: addressesField({
    name: 'advertise.agent',
    flag: 'advertise-agent',
    env: 'MUSTER_ORCHESTRATOR_ADVERTISE_AGENT',
    default: [],
    unit: 'HOST:PORT',
    description:
      'How nodes reach the agent door, in order of preference. Unset: the host name and addresses of this machine.',
  }),
  advertiseControl: addressesField({
    name: 'advertise.control',
    flag: 'advertise-control',
    env: 'MUSTER_ORCHESTRATOR_ADVERTISE_CONTROL',
    default: [],
    unit: 'HOST:PORT',
    description:
      'How machines and people reach the control door, in order of preference; stands in join tokens. Unset: the host name and addresses of this machine.',
  }),
  heartbeatPeriodMs: durationField({
    name: 'heartbeat_period',
    flag: 'heartbeat-period',
    env: 'MUSTER_ORCHESTRATOR_HEARTBEAT_PERIOD',
    default: 10_000,
    range: { min: 100, max: 300_000 },
    description: 'How often agents report. Three missed: the node is unreachable.',
  }),
  nodeWindowBytes: bytesField({
    name: 'logs.node_window',
    flag: 'log-node-window',
    env: 'MUSTER_ORCHESTRATOR_LOG_NODE_WINDOW',
    default: 16 * MIB,
    range: { min: 256 * KIB, max: 256 * MIB },
    description: 'Most bytes of output that a node has under way and not yet stored.',
  }),
  streamWindowBytes: bytesField({
    name: 'logs.stream_window',
    flag: 'log-stream-window',
    env: 'MUSTER_ORCHESTRATOR_LOG_STREAM_WINDOW',
    default: 4 * MIB,
    range: { min: 256 * KIB, max: 256 * MIB },
    description: 'The same for one output stream of one run.',
  }),
  logChunkBytes: bytesField({
    name: 'logs.chunk',
    flag: 'log-chunk',
    env: 'MUSTER_ORCHESTRATOR_LOG_CHUNK',
    default: 64 * KIB,
    range: { min: KIB, max: 256 * KIB },
    description: 'Output is sent when this much is there.',
  }),
  logFlushMs: durationField({
    name: 'logs.flush_interval',
    flag: 'log-flush-interval',
    env: 'MUSTER_ORCHESTRATOR_LOG_FLUSH_INTERVAL',
    default: 100,
    range: { min: 10, max: 10_000 },
    description: 'Less output is sent after this long.',
  }),
  logLevel: choiceField(logLevels, {
    name: 'log.level',
    flag: 'log-level',
    env: 'MUSTER_ORCHESTRATOR_LOG_LEVEL',
    default: 'info',
    unit: logLevels.join(' | '),
    description: "How much of the orchestrator's own log is written.",
  }),
  logFormat: choiceField(logFormats, {
    name: 'log.format',
    flag: 'log-format',
    env: 'MUSTER_ORCHESTRATOR_LOG_FORMAT',
    default: 'auto',
    unit: logFormats.join(' | '),
    description: 'auto: readable lines on a terminal, JSON elsewhere.',
  }),
};

/** One of a few words. */
function choiceField<Word extends string>(words: readonly Word[], spec: Spec<Word>): Field<Word> {
  const { default: fallback, ...text } = spec;
  const parse = (raw: unknown): Word => {
    const found = words.find((word) => word === raw);
    if (found !== undefined) return found;
    throw new AppError('invalid_argument', `${JSON.stringify(raw)} is not one of ${words.join(', ')}`);
  };
  return {
    ...stringField(text),
    fallback: fallback === undefined ? { kind: 'required' } : { kind: 'default', value: fallback },
    parse,
    print: (value) => value,
  };
}

/** HOST:PORT, several. Port 0 says nothing to somebody who wants to connect. */
function addressesField(spec: Spec<readonly string[]>): Field<readonly string[]> {
  const list = listField(spec);
  const parse = (raw: unknown): readonly string[] =>
    list.parse(raw).map((text) => {
      const address = parseAddress(text);
      if (address.port > 0) return printAddress(address);
      throw new AppError('invalid_argument', `${JSON.stringify(text)} has no port to connect to; write HOST:PORT`);
    });
  return { ...list, parse };
}
