/**
 * Why a program could not be started, found out before it is tried: a shell's 126 and 127 look like exit codes of the
 * program. Follows execvp: a name with a slash is a path, another is looked up in PATH.
 * Verdicts on files are kept by (inode, size, change time), so that a usual start costs two stats.
 */
import { constants, type Stats } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { errnoOf } from '@muster/common/errors/app-error';
import type { LaunchSpec, NotRunReason } from './supervisor.ts';
import { DEFAULT_PATH } from './zygote-script.ts';

/** What the checks say. */
export type Preflight =
  | { readonly kind: 'ready'; readonly programPath: string }
  | { readonly kind: 'not_run'; readonly reason: NotRunReason; readonly detail: string };

/** What decides where a program is looked for. */
export type Surroundings = Pick<LaunchSpec, 'workingDirectory' | 'environment'>;

/** Linux's MAX_ARG_STRLEN: 32 pages of 4 KiB, the terminating NUL included. */
const LONGEST_WORD_BYTES = 131_072;
/** Kernels read this much of a file for its `#!` line. */
const HEAD_BYTES = 256;
/** Programs whose verdict is kept; the oldest goes first. A node runs few different ones. */
const KEPT_VERDICTS = 256;

type Verdict = { readonly fingerprint: string; readonly preflight: Preflight };

/** Checks launches. */
export class PreflightCheck {
  readonly #verdicts = new Map<string, Verdict>();

  /** Looks at directory, program, interpreter and lengths; touches nothing. */
  async check(spec: LaunchSpec): Promise<Preflight> {
    const tooLong = longestWordProblem(spec);
    if (tooLong !== undefined) return notRun('spawn_error', tooLong);
    const [directory, program] = await Promise.all([
      checkDirectory(spec.workingDirectory),
      this.findProgram(spec.argv[0], spec),
    ]);
    return directory ?? program;
  }

  /** Finds a program as execvp would, and says why it could not be executed. */
  async findProgram(name: string, spec: Surroundings): Promise<Preflight> {
    if (name === '') return notRun('spawn_error', 'the program name is empty');
    if (name.includes('/')) {
      const path = isAbsolute(name) ? name : join(spec.workingDirectory, name);
      return (await this.#judge(path)) ?? notRun('spawn_error', `there is no program ${path} (ENOENT)`);
    }
    const searched = spec.environment['PATH'] ?? DEFAULT_PATH;
    let refused: Preflight | undefined;
    for (const folder of searched.split(':')) {
      const found = await this.#judge(join(isAbsolute(folder) ? folder : join(spec.workingDirectory, folder), name));
      if (found?.kind === 'ready' || (found?.kind === 'not_run' && found.reason !== 'not_executable')) return found;
      refused ??= found;
    }
    return refused ?? notRun('spawn_error', `there is no program "${name}" in PATH (${searched}) (ENOENT)`);
  }

  /** A verdict on one file; undefined where there is none. */
  async #judge(path: string): Promise<Preflight | undefined> {
    const found = await statIfThere(path);
    if (found === undefined) return undefined;
    const fingerprint = `${found.dev}:${found.ino}:${found.size}:${found.ctimeMs}`;
    const kept = this.#verdicts.get(path);
    if (kept?.fingerprint === fingerprint) return kept.preflight;
    const preflight = await judgeFile(path, found);
    // A missing interpreter may be installed without a change to this file: only good verdicts are kept.
    if (preflight.kind === 'ready') this.#keep(path, { fingerprint, preflight });
    return preflight;
  }

  #keep(path: string, verdict: Verdict): void {
    const oldest = this.#verdicts.size >= KEPT_VERDICTS ? this.#verdicts.keys().next().value : undefined;
    if (oldest !== undefined) this.#verdicts.delete(oldest);
    this.#verdicts.set(path, verdict);
  }
}

async function judgeFile(path: string, found: Stats): Promise<Preflight> {
  if (found.isDirectory()) return notRun('not_executable', `${path} is a directory (EACCES)`);
  try {
    await access(path, constants.X_OK);
  } catch (error) {
    return notRun('not_executable', `${path} may not be executed (${errnoOf(error) ?? 'EACCES'}); chmod +x it`);
  }
  const interpreter = await interpreterOf(path);
  if (interpreter === undefined || (await statIfThere(interpreter)) !== undefined) {
    return { kind: 'ready', programPath: path };
  }
  return notRun(
    'no_interpreter',
    `${path} asks for the interpreter ${JSON.stringify(interpreter)}, which is not there`,
  );
}

/** The interpreter that the first line names; undefined for programs, and files we may execute but not read. */
async function interpreterOf(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    // A carriage return stays part of the name, as in the kernel: the sentence then shows it.
    return /^#![ \t]*([^ \t\n]+)/.exec(buffer.toString('utf8', 0, bytesRead))?.[1];
  } catch {
    return undefined;
  }
}

async function checkDirectory(path: string): Promise<Preflight | undefined> {
  const found = await statIfThere(path);
  if (found === undefined) return notRun('no_such_directory', `the working directory ${path} does not exist (ENOENT)`);
  if (!found.isDirectory()) return notRun('no_such_directory', `the working directory ${path} is a file (ENOTDIR)`);
  try {
    await access(path, constants.X_OK);
    return undefined;
  } catch {
    return notRun('no_such_directory', `the working directory ${path} may not be entered (EACCES)`);
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch {
    return undefined; // missing, or behind a directory we may not enter: for a start that is the same
  }
}

function longestWordProblem(spec: LaunchSpec): string | undefined {
  const long = spec.argv.findIndex((word) => Buffer.byteLength(word) >= LONGEST_WORD_BYTES);
  if (long >= 0) {
    const bytes = Buffer.byteLength(spec.argv[long] ?? '');
    return `argument ${long} has ${bytes} bytes; Linux takes ${LONGEST_WORD_BYTES - 1} (E2BIG); pass it by standard input or a file`;
  }
  for (const [name, value] of Object.entries(spec.environment)) {
    const bytes = Buffer.byteLength(name) + 1 + Buffer.byteLength(value);
    if (bytes >= LONGEST_WORD_BYTES)
      return `variable ${name} has ${bytes} bytes; Linux takes ${LONGEST_WORD_BYTES - 1} (E2BIG)`;
  }
  return undefined;
}

function notRun(reason: NotRunReason, detail: string): Preflight {
  return { kind: 'not_run', reason, detail };
}
