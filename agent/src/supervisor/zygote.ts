/**
 * The one long-lived shell that forks a keeper for every run. It leads a session of its own, so that nothing sent to
 * the agent's group or terminal reaches it; it ends by itself when its standard input closes, that is also when the
 * agent is killed. Runs live on without it: each has its keeper.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { AppError } from '@muster/common/errors/app-error';
import { shellWord } from './shell-words.ts';
import { RESERVED_PREFIX, ZYGOTE_SCRIPT, type ZygoteSettings } from './zygote-script.ts';

/** The shell's path and its options, without `-s`. */
export type ShellCommand = readonly [string, ...string[]];

/** A running zygote. */
export interface Zygote extends AsyncDisposable {
  readonly pid: number;
  /** Hands over one command line. Bytes for a zygote that died are lost: `died` tells. */
  send(line: string): void;
  /** Resolves when it is gone, with what it said last; never rejects. */
  readonly died: Promise<string>;
}

/** Standard error of the zygote that is kept for the log. */
const KEPT_ERROR_CHARACTERS = 1_000;

/** Starts one. Rejects with `failed_precondition` when the shell cannot be started. */
export async function startZygote(shell: ShellCommand, settings: ZygoteSettings): Promise<Zygote> {
  const [program, ...options] = shell;
  const child: ChildProcessByStdio<Writable, null, Readable> = spawn(program, [...options, '-s'], {
    cwd: '/',
    // Empty, so that nothing of the agent's environment, secrets included, can reach a run.
    env: {},
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const died = watchDeath(child);
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new AppError('failed_precondition', `cannot start the shell ${program}; name another in the configuration`, {
      cause: error,
    });
  }
  // A write to a dead shell fails with EPIPE here, and `died` tells the same.
  child.stdin.on('error', () => undefined);
  child.stdin.write(preamble(settings) + ZYGOTE_SCRIPT);
  return {
    pid: child.pid ?? 0,
    send: (line) => {
      child.stdin.write(line);
    },
    died,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await died;
    },
  };
}

function watchDeath(child: ChildProcessByStdio<Writable, null, Readable>): Promise<string> {
  let said = '';
  const { promise, resolve } = Promise.withResolvers<string>();
  child.once('error', (error) => resolve(error.message));
  // A shell that was not started for want of file descriptors has no streams either.
  if (child.pid === undefined) return promise;
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    said = (said + text).slice(-KEPT_ERROR_CHARACTERS);
  });
  child.once('exit', (code, signal) => {
    // Keepers may hold the other end for a moment; nothing more is read.
    child.stderr.destroy();
    resolve(`${signal ?? `exit code ${code}`}${said === '' ? '' : `: ${said.trim()}`}`);
  });
  return promise;
}

function preamble(settings: ZygoteSettings): string {
  const variables = {
    dir: settings.directory,
    fifo: settings.fifoPath,
    boot: settings.bootId,
    setsid: settings.setsidPath,
  };
  return Object.entries(variables)
    .map(([name, value]) => `${RESERVED_PREFIX}${name}=${shellWord(value)}\n`)
    .join('');
}
