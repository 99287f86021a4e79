/** A made-up machine for tests: real files under a directory of its own, real programs, a clock of one's choice. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, systemClock } from '@muster/common/clock/clock';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import type { ProbeContext } from './probe.ts';
import { runCommand } from './run-command.ts';

/** What the machine is like. */
export interface Machine {
  readonly platform?: string;
  /** Contents by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Bodies of shell scripts by name; their directory is the whole PATH, but each script finds the usual tools. */
  readonly programs?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
}

/** A context whose root is that machine; `await using` removes it. */
export interface TestMachine extends AsyncDisposable {
  readonly context: ProbeContext;
  readonly dir: TempDir;
  /** Where its programs are. */
  readonly binDirectory: string;
}

/** No test of a probe waits to be aborted, unless it says so. */
export const never: AbortSignal = new AbortController().signal;

/** Makes the machine. */
export async function testMachine(machine: Machine = {}): Promise<TestMachine> {
  const dir = await tempDir();
  const binDirectory = dir.join('programs');
  await mkdir(binDirectory);
  for (const [path, text] of Object.entries(machine.files ?? {})) await write(dir.join(path), text);
  for (const [name, body] of Object.entries(machine.programs ?? {})) await writeProgram(join(binDirectory, name), body);
  const context: ProbeContext = {
    platform: machine.platform ?? 'linux',
    root: dir.path,
    environment: { PATH: binDirectory, HOME: dir.path, ...machine.environment },
    clock: machine.clock ?? systemClock,
    runCommand,
  };
  return { context, dir, binDirectory, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

/** Writes an executable shell script. */
export async function writeProgram(path: string, body: string): Promise<void> {
  await write(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
  await chmod(path, 0o755);
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
