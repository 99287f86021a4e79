/**
 * Runs another program for its output: with no standard input, in a process group of its own, which is killed as a whole
 * when the asker gives up. The process-starting port of the probes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { AppError } from '@muster/common/errors/app-error';

/** A program to run. */
export interface Command {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  /** All of the program's environment; nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
}

/** How a program ended, and what it wrote. */
export interface CommandResult {
  /** Unset: a signal ended it. */
  readonly exitCode?: number;
  /** Standard output, at most 256 KiB; the rest is read and dropped. */
  readonly output: string;
  /** Standard error, bounded alike. */
  readonly errorOutput: string;
}

/**
 * Runs a program to its end. Rejects with AppError `unavailable` where it cannot be started, and at once with the
 * signal's reason when aborted: then it is killed, with all that it started.
 */
export type RunCommand = (command: Command, signal: AbortSignal) => Promise<CommandResult>;

/** A node of 1,024 GPUs has some 100 KiB in nvidia-smi's answer; nothing else we ask for is longer than a few lines. */
const MOST_OUTPUT_BYTES = 256 * 1024;

/** The real one. */
export const runCommand: RunCommand = (command, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const child = spawn(command.path, [...command.args], {
      env: { ...command.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const onAbort = (): void => {
      killGroup(child);
      child.stdout.destroy();
      child.stderr.destroy();
      reject(signal.reason);
    };
    // Before anything else: a child that was not started for want of file descriptors has no streams either.
    child.once('error', (error) => {
      signal.removeEventListener('abort', onAbort);
      reject(new AppError('unavailable', `cannot run ${command.path}: ${error.message}`, { cause: error }));
    });
    if (child.pid === undefined) return;
    const output = gather(child.stdout);
    const errorOutput = gather(child.stderr);
    signal.addEventListener('abort', onAbort, { once: true });
    child.once('close', (exitCode) => {
      signal.removeEventListener('abort', onAbort);
      resolve({ ...(exitCode === null ? {} : { exitCode }), output: output(), errorOutput: errorOutput() });
    });
  });

/** The first of what a stream brings, as text. */
function gather(stream: Readable): () => string {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  stream.on('data', (bytes: Buffer) => {
    const room = MOST_OUTPUT_BYTES - sizeBytes;
    if (room <= 0) return;
    parts.push(bytes.subarray(0, room));
    sizeBytes += Math.min(bytes.length, room);
  });
  return () => Buffer.concat(parts).toString('utf8');
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The whole group is gone already.
  }
}
