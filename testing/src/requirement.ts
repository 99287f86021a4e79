// Tools that some tests need and not every machine has. On a developer's machine such tests are skipped, with one line
// that says what is missing; in CI (CI=true) a missing tool is an error, so that a green run has run everything. What a CI
// machine cannot have, its preparation names in MUSTER_CI_WITHOUT (scripts/prepare-ci.sh), in sight of the reader.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from '@jest/globals';
import { projectRoot } from './real/program.ts';

/** A tool by the name that people know. */
export type Tool = 'browser' | 'buf' | 'curl' | 'docker' | 'go' | 'grpcurl' | 'nvidia-smi' | 'ssh' | 'sshd' | 'systemd';

/** What `requireTool` found. */
export interface Requirement {
  readonly available: boolean;
  /** `describe` where the tool is there, else `describe.skip`: the tests of the block are counted as skipped. */
  readonly describe: typeof describe | typeof describe.skip;
  /** The executable's absolute path; undefined where the tool is missing. */
  readonly path: string | undefined;
}

/** What `requireTool` reads of its surroundings; given in tests. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly findTool: (tool: Tool) => string | undefined;
  readonly warn: (line: string) => void;
}

interface ToolFacts {
  readonly executables: readonly string[];
  /** True when the tool can be used, beyond being installed. */
  readonly works?: (path: string) => boolean;
  readonly hint: string;
}

const tools: Readonly<Record<Tool, ToolFacts>> = {
  browser: { executables: ['chromium', 'google-chrome', 'chromium-browser'], hint: 'install chromium' },
  buf: { executables: ['buf'], hint: 'run make setup, and the tests through make test' },
  curl: { executables: ['curl'], hint: 'install curl' },
  docker: { executables: ['docker'], works: daemonAnswers, hint: 'install Docker and start its daemon' },
  go: { executables: ['go'], hint: 'install Go' },
  grpcurl: {
    executables: ['grpcurl'],
    hint: 'go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3',
  },
  'nvidia-smi': { executables: ['nvidia-smi'], hint: 'needs an NVIDIA GPU and its driver' },
  ssh: { executables: ['ssh'], hint: 'install openssh-client' },
  sshd: { executables: ['sshd'], hint: 'install openssh-server' },
  systemd: {
    executables: ['systemctl'],
    works: () => existsSync('/run/systemd/system'),
    hint: 'needs a machine that systemd booted',
  },
};

/**
 * Looks for a tool, to be called at the top of a test file. Throws in CI when the tool is missing and MUSTER_CI_WITHOUT
 * (names separated by spaces) does not excuse it: the test file then counts as failed.
 */
export function requireTool(tool: Tool, surroundings: Surroundings = machine): Requirement {
  const { environment, findTool, warn } = surroundings;
  const path = findTool(tool);
  if (path !== undefined) return { available: true, describe, path };
  const { hint } = tools[tool];
  const excused = (environment['MUSTER_CI_WITHOUT'] ?? '').split(' ').includes(tool);
  if (environment['CI'] === 'true' && !excused) {
    throw new Error(`${tool} is missing, and CI=true requires it: ${hint}; or name it in MUSTER_CI_WITHOUT`);
  }
  warn(`skipped: tests that need ${tool}, which is missing here; ${hint}\n`);
  return { available: false, describe: describe.skip, path: undefined };
}

const machine: Surroundings = {
  environment: process.env,
  findTool: findOnThisMachine,
  warn: (line) => void process.stderr.write(line),
};

function findOnThisMachine(tool: Tool): string | undefined {
  const { executables, works } = tools[tool];
  const path = toolFolders(process.env)
    .flatMap((folder) => executables.map((name) => join(folder, name)))
    .find(isExecutable);
  return path !== undefined && (works?.(path) ?? true) ? path : undefined;
}

/**
 * Where tools are looked for, in this order: the PATH, what scripts/prepare-ci.sh built (MUSTER_TOOLS_DIR, by default
 * .muster/tools of this project), sbin, and where Go and `go install` put things: a user's PATH often lacks these.
 */
export function toolFolders(environment: Surroundings['environment']): readonly string[] {
  const goPaths = environment['GOPATH'] ?? join(environment['HOME'] ?? '/', 'go');
  return [
    ...(environment['PATH'] ?? '').split(delimiter),
    environment['MUSTER_TOOLS_DIR'] ?? join(projectRoot, '.muster/tools'),
    '/usr/sbin',
    '/usr/local/go/bin',
    environment['GOBIN'] ?? '',
    ...goPaths.split(delimiter).map((path) => join(path, 'bin')),
  ].filter((folder) => folder !== '');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function daemonAnswers(path: string): boolean {
  // A daemon that is there answers in well under a second; a busy one within ten.
  return spawnSync(path, ['version'], { stdio: 'ignore', timeout: 10_000 }).status === 0;
}
