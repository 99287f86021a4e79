/** One run of the `muster` command to its end, with what it printed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { binPath, cleanEnvironment, projectRoot } from './program.ts';

/** How a command ended and what it printed. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs any program to its end. `input` is its standard input; without it there is none. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly input?: string | Uint8Array;
    readonly cwd?: string;
  } = {},
): Promise<CommandResult> {
  const child = spawn(program, [...args], {
    env: cleanEnvironment(options.environment),
    cwd: options.cwd ?? projectRoot,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A program that does not read its input closes it; that is no failure of ours.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  await once(child, 'close');
  return {
    code: child.exitCode,
    stdout: Buffer.concat(stdout).toString('utf8'),
    stderr: Buffer.concat(stderr).toString('utf8'),
  };
}

/** Runs `muster`. */
export function runMuster(
  environment: Readonly<Record<string, string>>,
  args: readonly string[],
  input?: string | Uint8Array,
): Promise<CommandResult> {
  return runCommand(binPath('muster'), args, {
    environment,
    ...(input === undefined ? {} : { input }),
  });
}
