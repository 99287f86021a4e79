/**
 * The real binaries as child processes, for tests and benchmarks: built files, real sockets, real disks. What a program prints goes to a
 * file, so that it can print as much as it likes; a failing test shows the end of it. Ended by pid, never by name.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root, from testing/src/real or testing/dist/real. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** The bins, by name. */
const bins = {
  'muster-orchestrator': 'orchestrator/bin/muster-orchestrator.js',
  'muster-agent': 'agent/bin/muster-agent.js',
  muster: 'cli/bin/muster.js',
} as const;

/** Which program. */
export type BinName = keyof typeof bins;

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Where a program's binary is. */
export function binPath(name: BinName): string {
  return `${projectRoot}${bins[name]}`;
}

/** The environment of a test's program: ours without what configures Muster. */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('MUSTER_'));
  // The programs are started as users start them, by their first line: it must find the Node that runs the tests.
  const PATH = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  return { ...Object.fromEntries(kept.map(([name, value]) => [name, value ?? ''])), PATH, ...more };
}

/** A program that runs. Disposing ends it by SIGTERM, and by SIGKILL after ten seconds. */
export class RunningProgram implements AsyncDisposable {
  readonly name: BinName;
  readonly outputPath: string;
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;

  constructor(
    name: BinName,
    args: readonly string[],
    outputPath: string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.name = name;
    this.outputPath = outputPath;
    const output = openSync(outputPath, 'a');
    this.#child = spawn(binPath(name), [...args], {
      stdio: ['ignore', output, output],
      env: cleanEnvironment(environment),
      cwd: projectRoot,
    });
    closeSync(output);
    this.ended = once(this.#child, 'exit').then(([code, signal]: unknown[]) => ({
      code: typeof code === 'number' ? code : null,
      signal: this.#child.signalCode ?? (typeof signal === 'string' ? this.#child.signalCode : null),
    }));
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.name} could not be started`);
    return pid;
  }

  /** False once it has ended. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** All it has printed. */
  output(): string {
    return readFileSync(this.outputPath, 'utf8');
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<ProgramEnd> {
    if (this.running) this.#child.kill(signal);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.running) return;
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(late);
  }
}
