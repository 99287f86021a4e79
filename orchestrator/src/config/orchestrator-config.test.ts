import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { tempDir } from '@muster/testing/temp-dir';
import { advertisedAddresses, hostNames, hostsOf } from './advertised.ts';
import { readCommandLine } from './command-line.ts';
import { writeEndpointsFile } from './endpoints-file.ts';
import type { OrchestratorConfig } from './orchestrator-config.ts';

function configOf(flags: readonly string[], env: Readonly<Record<string, string>> = {}): OrchestratorConfig {
  const task = readCommandLine(['node', 'muster-orchestrator', ...flags], env);
  if (task.kind !== 'run') throw new Error('prints');
  return task.config;
}

describe('the settings of the orchestrator', () => {
  it('have defaults for all but the data directory', () => {
    expect(configOf(['--data-dir', 'd'])).toEqual({
      dataDirectory: 'd',
      agentListen: { host: '0.0.0.0', port: 7443 },
      controlListen: { host: '0.0.0.0', port: 7444 },
      advertiseAgent: [],
      advertiseControl: [],
      heartbeatPeriodMs: 10_000,
      nodeWindowBytes: 16 * 1024 * 1024,
      streamWindowBytes: 4 * 1024 * 1024,
      logChunkBytes: 64 * 1024,
      logFlushMs: 100,
      logLevel: 'info',
      logFormat: 'auto',
    });
  });

  it('take flags over the environment over the file', async () => {
    await using directory = await tempDir();
    const file = directory.join('o.yaml');
    await writeFile(file, 'data_dir: /f\nlogs: { chunk: 1KiB }\nlog: { level: debug }\nheartbeat_period: 1s\n');
    const env = { MUSTER_ORCHESTRATOR_LOG_LEVEL: 'warn', MUSTER_ORCHESTRATOR_CONFIG: file };
    expect(configOf(['--data-dir', '/d', '--agent-listen', '[::1]:0'], env)).toMatchObject({
      dataDirectory: '/d',
      agentListen: { host: '::1', port: 0 },
      logLevel: 'warn',
      logChunkBytes: 1024,
      heartbeatPeriodMs: 1000,
    });
  });

  it('take advertised addresses repeated and with commas', () => {
    const flags = ['--data-dir', 'd', '--advertise-agent', 'a:1, b:2', '--advertise-agent', '[::1]:3'];
    expect(configOf(flags).advertiseAgent).toEqual(['a:1', 'b:2', '[::1]:3']);
  });

  it('report all problems at once, each with its place', async () => {
    await using directory = await tempDir();
    const file = directory.join('o.yaml');
    await writeFile(file, 'log: { levle: info }\n');
    const flags = [
      '--config',
      file,
      '--agent-listen',
      'nowhere',
      '--advertise-control',
      'x:0',
      '--log-format',
      'xml',
      '--log-chunk',
      '1GiB',
    ];
    let text = '';
    try {
      configOf(flags, { MUSTER_ORCHESTRATOR_HEARTBEAT_PERIOD: '10' });
    } catch (error) {
      text = String(error);
    }
    for (const part of [
      'data_dir: is required',
      '--agent-listen: "nowhere" is not an address',
      '--advertise-control: "x:0" has no port',
      '--log-format: "xml" is not one of auto, json, pretty',
      '--log-chunk: 1GiB is out of range',
      'MUSTER_ORCHESTRATOR_HEARTBEAT_PERIOD (environment)',
      'log.levle (in',
      'did you mean log.level?',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('print what is in force as a file that gives the same', async () => {
    await using directory = await tempDir();
    const flags = ['--data-dir', '/d', '--advertise-agent', 'a:1', '--heartbeat-period', '90s'];
    const task = readCommandLine(['node', 'x', ...flags, '--print-config'], {});
    if (task.kind !== 'print') throw new Error('runs');
    const file = directory.join('printed.yaml');
    await writeFile(file, task.text);
    expect(configOf(['--config', file])).toEqual(configOf(flags));
  });

  it('are explained by --help, with defaults, environment and examples', async () => {
    const script = `import { readCommandLine } from ${JSON.stringify(`${import.meta.dirname}/command-line.ts`)}; readCommandLine(process.argv);`;
    const argv = ['--conditions=muster-source', '--input-type=module', '-e', script, 'muster-orchestrator', '--help'];
    const { stdout } = await promisify(execFile)(process.execPath, argv);
    for (const part of [
      '--data-dir <path>',
      '(default 0.0.0.0:7443)',
      '[MUSTER_ORCHESTRATOR_DATA_DIR]',
      'admin.token',
    ]) {
      expect(stdout).toContain(part);
    }
  });
});

describe('advertised addresses', () => {
  const host = { hostname: 'box', addresses: ['10.0.0.5'] };

  it.each([
    ['what was configured', ['x:1'], '0.0.0.0', ['x:1']],
    ['the listener where it names an address', [], '::1', ['[::1]:7']],
    ["this machine's names where it listens on all", [], '0.0.0.0', ['box:7', '10.0.0.5:7', '127.0.0.1:7']],
  ])('are %s', (_what, configured, listenHost, expected) => {
    expect(advertisedAddresses(configured, { host: listenHost, port: 7 }, host)).toEqual(expected);
  });

  it('have hosts that a certificate can cover', () => {
    expect(hostsOf(['box:7', '[2001:db8::1]:7', '10.0.0.5:7'])).toEqual(['box', '2001:db8::1', '10.0.0.5']);
    expect(hostNames().hostname).not.toBe('');
  });
});

describe('the endpoints file', () => {
  it('says where the orchestrator is', async () => {
    await using directory = await tempDir();
    const endpoints = { agentAddress: 'a:1', controlUrl: 'https://a:2', caFile: '/ca', adminTokenFile: '/t' };
    const path = await writeEndpointsFile(nodeDisk, directory.path, endpoints);
    const text = new TextDecoder().decode(await nodeDisk.readFile(path));
    expect(JSON.parse(text)).toEqual({
      agent_address: 'a:1',
      control_url: 'https://a:2',
      ca_file: '/ca',
      admin_token_file: '/t',
    });
  });
});
