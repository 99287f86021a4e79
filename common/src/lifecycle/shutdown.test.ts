import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing/eventually';

const fixture = fileURLToPath(new URL('shutdown.fixture.ts', import.meta.url));

interface Started {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exit: Promise<number | NodeJS.Signals | null>;
}

async function start(mode: string, deadlineMs: number): Promise<Started> {
  const child = spawn(process.execPath, [fixture, mode, String(deadlineMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  const exit = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  await eventually(() => output.includes('ready'), { what: 'the fixture is ready' });
  return { child, output: () => output, exit };
}

describe('termination', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('winds down on %s and exits with 0', async (signal) => {
    const { child, exit } = await start('clean', 60_000);
    child.kill(signal);
    expect(await exit).toBe(0);
  });

  it('exits with 1 at the hard deadline when the wind-down is stuck', async () => {
    const { child, exit, output } = await start('stuck', 100);
    child.kill('SIGTERM');
    expect(await exit).toBe(1);
    expect(output()).toContain('not done within 100 ms');
  });

  it('exits with 1 at the second signal', async () => {
    const { child, exit, output } = await start('stuck', 60_000);
    child.kill('SIGTERM');
    await eventually(() => output().includes('ending'), { what: 'the first signal was seen' });
    child.kill('SIGINT');
    expect(await exit).toBe(1);
    expect(output()).toContain('second signal');
  });
});
