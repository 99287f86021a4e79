/** Where and with what a run was made: a figure without this means nothing. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { musterVersion } from '@muster/common/version/version';
import { projectRoot } from '@muster/testing/real/program';

/** The first line of a run. */
export interface RunDescription {
  readonly machine: string;
  readonly cores: number;
  readonly memory_gib: number;
  readonly kernel: string;
  readonly node: string;
  readonly openssl: string;
  readonly ssh: string;
  readonly muster: string;
  /** The commit, with `+` where the tree had changes of its own. */
  readonly commit: string;
  readonly date: string;
}

/** Asks the machine. */
export function describeRun(): RunDescription {
  return {
    machine: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    openssl: process.versions.openssl,
    // It prints its version to stderr.
    ssh: printedBy('sh', ['-c', 'ssh -V 2>&1']) ?? 'none',
    muster: musterVersion,
    commit: commit(),
    date: new Date().toISOString(),
  };
}

function commit(): string {
  const hash = printedBy('git', ['rev-parse', '--short', 'HEAD']);
  if (hash === undefined) return 'unknown';
  return printedBy('git', ['status', '--porcelain', '--untracked-files=no']) === '' ? hash : `${hash}+`;
}

function printedBy(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, [...args], { cwd: projectRoot, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    // A machine without it, or a tree that is no checkout: then there is nothing to say.
    return undefined;
  }
}
