import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { tempDir } from '@muster/testing/temp-dir';
import { readCommand } from './agent-config.ts';

describe('the agent’s settings', () => {
  const read = (args: string[], env: Record<string, string> = {}) => readCommand(args, env, '0.1.0');

  it('names all problems at once', () => {
    const args = ['--label', 'Bad Label', '--orchestrator', 'nowhere', '--log-level', 'loud'];
    let text = '';
    try {
      read(args);
    } catch (error) {
      text = String(error);
    }
    for (const part of ['--label', '--orchestrator', '--log-level']) expect(text).toContain(part);
  });

  it('takes flags over the environment', () => {
    const command = read(['--max-attempts', '3', '--label', 'a=b', '--label', 'c=d', '--cloud-metadata', 'off'], {
      MUSTER_AGENT_MAX_ATTEMPTS: '9',
      MUSTER_AGENT_NAME: 'n1',
    });
    expect(command).toMatchObject({
      kind: 'run',
      config: { maxAttempts: 3, name: 'n1', labels: { a: 'b', c: 'd' }, cloudMetadata: false },
    });
  });

  it('reads the token from a file and never prints it', async () => {
    await using dir = await tempDir();
    await writeFile(dir.join('token'), 'muster1.secret\n');
    const args = ['--join-token-file', dir.join('token')];
    expect(read(args)).toMatchObject({ config: { joinToken: 'muster1.secret' } });
    const printed = read(['--print-config', '--join-token', 'muster1.secret']);
    expect(JSON.stringify(printed)).not.toContain('muster1.secret');
  });

  it('refuses a token file that is absent on a machine that is not enrolled', async () => {
    await using dir = await tempDir();
    expect(() => read(['--state-dir', dir.path, '--join-token-file', dir.join('none')])).toThrow(
      /cannot read .*ENOENT/,
    );
  });

  it('explains itself, and an unknown flag points there', () => {
    expect(read(['--help'])).toMatchObject({ kind: 'print', text: expect.stringContaining('--join-token-file') });
    expect(() => read(['--stat-dir', 'x'])).toThrow(/--help/);
  });
});
