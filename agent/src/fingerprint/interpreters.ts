/**
 * Programs that run scripts, as far as they are in the agent's PATH. A version costs a start of the program (0.3 s for
 * some), so it is asked for again only when the file changed, or after an hour: version managers put a small script in
 * the program's place that stays the same when the version does not.
 */
import { stat } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { withDeadline } from '@muster/common/clock/clock';
import { type Interpreter, InterpreterSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { findProgram } from './find-program.ts';
import { mapBounded } from './map-bounded.ts';
import type { Probe, ProbeContext } from './probe.ts';

interface KnownProgram {
  readonly name: string;
  /** What makes it print its version. Unset: nothing does. */
  readonly versionArgs?: readonly string[];
}

const programs: readonly KnownProgram[] = [
  { name: 'sh', versionArgs: ['--version'] },
  { name: 'dash' },
  { name: 'bash', versionArgs: ['--version'] },
  { name: 'zsh', versionArgs: ['--version'] },
  { name: 'python3', versionArgs: ['--version'] },
  { name: 'python', versionArgs: ['--version'] },
  { name: 'perl', versionArgs: ['--version'] },
  { name: 'ruby', versionArgs: ['--version'] },
  { name: 'node', versionArgs: ['--version'] },
  { name: 'php', versionArgs: ['--version'] },
  { name: 'lua', versionArgs: ['-v'] },
  { name: 'Rscript', versionArgs: ['--version'] },
  { name: 'julia', versionArgs: ['--version'] },
  { name: 'pwsh', versionArgs: ['--version'] },
  // mawk knows no --version; gawk knows both; the others print nothing, and have no version here.
  { name: 'awk', versionArgs: ['-W', 'version'] },
];

/** The slowest of them (pwsh, julia) take 0.3 s on an idle machine. */
const VERSION_TIMEOUT_MS = 2_000;
/** Asking is mostly waiting for programs to be read from disc, and the agent must leave cores to the work. */
const AT_ONCE = 4;
const ASK_AGAIN_MS = 60 * 60_000;
/** What a shell, and the small scripts of version managers, answer when the real program is not there. */
const COMMAND_NOT_FOUND = 127;

type Version =
  | { readonly kind: 'known'; readonly text: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'not_installed' };

interface Remembered {
  readonly identity: string;
  readonly askedAtMs: number;
  readonly version: Version;
}

/** Makes the probe; it remembers the versions that it was told. */
export function makeInterpretersProbe(): Probe {
  const memory = new Map<string, Remembered>();
  return {
    name: 'interpreters',
    periodMs: 5 * 60_000,
    // 15 programs, 4 at a time, of which each may use up its own time: 4 × 2 s, and some for the search.
    timeoutMs: 9_000,
    async run(context, signal) {
      const found = await mapBounded(programs, AT_ONCE, (program) => look(program, memory, context, signal));
      return { part: { interpreters: found.flat() } };
    },
  };
}

/** The version in what a program prints: the first number with a dot, and what belongs to it ("3.1.2p20"). */
export function versionIn(output: string): string | undefined {
  return /\d+(?:\.\d+)+[\w.+~-]*/.exec(output)?.[0];
}

async function look(
  program: KnownProgram,
  memory: Map<string, Remembered>,
  context: ProbeContext,
  signal: AbortSignal,
): Promise<Interpreter[]> {
  const { name, versionArgs } = program;
  const path = await findProgram(name, context.environment['PATH']);
  if (path === undefined) return [];
  const version = versionArgs === undefined ? none : await recall(path, versionArgs, memory, context, signal);
  if (version.kind === 'not_installed') return [];
  return [create(InterpreterSchema, { name, path, ...(version.kind === 'known' ? { version: version.text } : {}) })];
}

const none: Version = { kind: 'none' };

async function recall(
  path: string,
  args: readonly string[],
  memory: Map<string, Remembered>,
  context: ProbeContext,
  signal: AbortSignal,
): Promise<Version> {
  const identity = await identityOf(path);
  const nowMs = context.clock.monotonicMs();
  const before = memory.get(path);
  const fresh = before?.identity === identity && nowMs - before.askedAtMs < ASK_AGAIN_MS;
  if (before !== undefined && fresh) return before.version;
  const version = await askVersion(path, args, context, signal);
  // A machine that is too busy to answer has not lost its version.
  if (version === 'no_answer') return before?.version ?? none;
  memory.set(path, { identity, askedAtMs: nowMs, version });
  return version;
}

async function identityOf(path: string): Promise<string> {
  const { dev, ino, size, mtimeMs } = await stat(path);
  return `${dev} ${ino} ${size} ${mtimeMs}`;
}

async function askVersion(
  path: string,
  args: readonly string[],
  context: ProbeContext,
  signal: AbortSignal,
): Promise<Version | 'no_answer'> {
  using deadline = withDeadline(context.clock, VERSION_TIMEOUT_MS, signal);
  try {
    const result = await context.runCommand({ path, args, environment: bareEnvironment(context) }, deadline.signal);
    if (result.exitCode === COMMAND_NOT_FOUND) return { kind: 'not_installed' };
    // A program that does not know the option (dash as sh) fails, and what it then says is no version.
    const text = result.exitCode === 0 ? versionIn(`${result.output}\n${result.errorOutput}`) : undefined;
    return text === undefined ? none : { kind: 'known', text };
  } catch {
    signal.throwIfAborted();
    return 'no_answer';
  }
}

/** Nothing of the agent's own settings, some of which are secret; version managers need PATH and HOME. */
function bareEnvironment({ environment }: ProbeContext): Record<string, string> {
  const { PATH = '', HOME = '/' } = environment;
  return { PATH, HOME, LC_ALL: 'C' };
}
