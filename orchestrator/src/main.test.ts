import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing/eventually';
import { tempDir } from '@muster/testing/temp-dir';

const program = ['--conditions=muster-source', join(import.meta.dirname, 'main.ts')];

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

async function start(dataDirectory: string): Promise<{ child: ChildProcess; text: () => string }> {
  const doors = ['--agent-listen', '127.0.0.1:0', '--control-listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, [...program, '--data-dir', dataDirectory, ...doors], { stdio: 'pipe' });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  child.stderr?.resume();
  await eventually(() => text.includes('"msg":"ready"'), { what: 'ready', withinMs: 15_000 });
  return { child, text: () => text };
}

async function ended(child: ChildProcess): Promise<number | null> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
  return child.exitCode;
}

async function failureOf(flags: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [...program, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  await once(child, 'close');
  return { code: child.exitCode, stderr };
}

async function endpointsOf(dataDirectory: string): Promise<Readonly<Record<string, string>>> {
  return JSON.parse(await readFile(join(dataDirectory, 'endpoints.json'), 'utf8'));
}

function listKeys(url: string, ca: string, key: string): Promise<string> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
  return new Promise((resolve, reject) => {
    const path = `${url}/muster.control.v1.AccessService/ListApiKeys`;
    const call = request(path, { method: 'POST', ca, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    call.once('error', reject);
    call.end('{}');
  });
}

describe('muster-orchestrator', () => {
  it('says where it is and where the first admin key is, serves, ends cleanly, and keeps both over a restart', async () => {
    await using directory = await tempDir();
    const first = await start(directory.path);
    const endpoints = await endpointsOf(directory.path);
    expect(Object.keys(endpoints)).toEqual(['agent_address', 'control_url', 'ca_file', 'admin_token_file']);
    const key = (await readFile(endpoints['admin_token_file'] ?? '', 'utf8')).trim();
    const ca = await readFile(endpoints['ca_file'] ?? '', 'utf8');
    expect(first.text()).toContain(endpoints['admin_token_file']);
    expect(first.text()).not.toContain(key);
    expect(await listKeys(endpoints['control_url'] ?? '', ca, key)).toContain('"ROLE_ADMIN"');

    const second = await failureOf(['--data-dir', directory.path, '--agent-listen', '127.0.0.1:0']);
    expect(second).toEqual({ code: 1, stderr: expect.stringContaining(`in use by process ${first.child.pid}`) });

    expect(await ended(first.child)).toBe(0);
    const again = await start(directory.path);
    const { control_url: url } = await endpointsOf(directory.path);
    expect(await readFile(endpoints['ca_file'] ?? '', 'utf8')).toBe(ca);
    expect(await listKeys(url ?? '', ca, key)).toContain('"ROLE_ADMIN"');
    expect(await ended(again.child)).toBe(0);
  }, 60_000);

  it('reports every wrong setting at once and exits with 1', async () => {
    const failed = await failureOf(['--agent-listen', 'x', '--log-level', 'loud']);
    expect(failed.code).toBe(1);
    for (const part of ['data_dir: is required', '--agent-listen', '--log-level'])
      expect(failed.stderr).toContain(part);
    expect(failed.stderr).not.toContain('    at ');
  }, 30_000);

  it('tells in a sentence what is wrong with the data directory or an address, and what to do', async () => {
    await using directory = await tempDir();
    await writeFile(directory.join('file'), '');
    const file = await failureOf(['--data-dir', directory.join('file')]);
    expect(file).toEqual({ code: 1, stderr: expect.stringMatching(/^muster-orchestrator: .*EEXIST.*--data-dir\n$/) });

    const first = await start(directory.join('first'));
    const { agent_address: taken = '' } = await endpointsOf(directory.join('first'));
    const second = await failureOf(['--data-dir', directory.join('second'), '--agent-listen', taken]);
    const text = `the agent door can not listen on ${taken} (EADDRINUSE); free it or choose another with --agent-listen`;
    expect(second).toEqual({ code: 1, stderr: `muster-orchestrator: ${text}\n` });
    expect(await ended(first.child)).toBe(0);
  }, 60_000);

  it('tells a wrong flag with the way to help', async () => {
    const failed = await failureOf(['--data-dri', 'x']);
    expect(failed).toEqual({ code: 1, stderr: expect.stringMatching(/--data-dir[\s\S]*--help/) });
  }, 30_000);

  it('prints the settings in force and ends', async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [...program, '--data-dir', '/d', '--print-config']);
    expect(stdout).toContain('data_dir: /d\n');
  }, 30_000);
});
