import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { isAppError } from '@muster/common/errors/app-error';
import { eventually } from '@muster/testing/eventually';
import { expectNoLeaks } from '@muster/testing/leak-check';
import { never, testMachine } from './probe-context.fixture.ts';
import { runCommand } from './run-command.ts';

const sh = (script: string, environment: Record<string, string> = { PATH: '/usr/bin:/bin' }) => ({
  path: '/bin/sh',
  args: ['-c', script],
  environment,
});

describe('running a command', () => {
  it('gives back both outputs and the exit code', async () => {
    await expect(runCommand(sh('echo out; echo err >&2; exit 3'), never)).resolves.toEqual({
      exitCode: 3,
      output: 'out\n',
      errorOutput: 'err\n',
    });
  });

  it('has no exit code for a program that a signal ended', async () => {
    await expect(runCommand(sh('kill -9 $$'), never)).resolves.toEqual({ output: '', errorOutput: '' });
  });

  it('hands on nothing of its own environment, and no standard input', async () => {
    const { output } = await runCommand(
      sh('cat; echo "[$HOME] [$ONLY]"', { PATH: '/usr/bin:/bin', ONLY: 'this' }),
      never,
    );
    expect(output).toBe('[] [this]\n');
  });

  it('keeps 256 KiB of a long output and lets the program finish', async () => {
    const { output, exitCode } = await runCommand(sh('head -c 1000000 /dev/zero'), never);
    expect(output).toHaveLength(256 * 1024);
    expect(exitCode).toBe(0);
  });

  it('rejects with a sentence where there is no such program', async () => {
    const failure = await runCommand({ path: '/no/such/program', args: [], environment: {} }, never).catch(
      (e: unknown) => e,
    );
    expect(isAppError(failure, 'unavailable')).toBe(true);
    expect(String(failure)).toContain('cannot run /no/such/program');
  });

  it('kills the program and what it started when it is aborted, and rejects at once', async () => {
    await using machine = await testMachine();
    const pidFile = machine.dir.join('pid');
    await expectNoLeaks(async () => {
      const controller = new AbortController();
      const reason = new Error('enough');
      const running = runCommand(
        sh(`sleep 600 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait`),
        controller.signal,
      );
      const pid = await eventually(() => readPid(pidFile));
      controller.abort(reason);
      await expect(running).rejects.toBe(reason);
      await eventually(() => !isAlive(pid), { what: 'the grandchild gone' });
    });
  });

  it('starts nothing for a signal that is already aborted', async () => {
    await expect(runCommand(sh('true'), AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
  });
});

async function readPid(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number(text);
}

/** A zombie (its new parent has not looked yet) counts as gone: signals reach nobody. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !/^State:\s+Z/m.test(readStatus(pid));
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return 'State:\tZ';
  }
}
