/**
 * A launch as words of the zygote's run command, and what no process can have.
 */
import { isAbsolute } from 'node:path';
import { AppError } from '@muster/common/errors/app-error';
import { runMarks } from './process-tree.ts';
import { runFileName } from './run-files.ts';
import { shellLine } from './shell-words.ts';
import type { LaunchSpec } from './supervisor.ts';
import { RESERVED_PREFIX, RUN_COMMAND } from './zygote-script.ts';

/** Throws `invalid_argument` naming the field. */
export function requireLaunchable(spec: LaunchSpec): void {
  const refuse = (field: string, message: string): never => {
    throw new AppError('invalid_argument', message, { field });
  };
  if (!isAbsolute(spec.workingDirectory)) refuse('working_directory', 'must be absolute');
  if (spec.workingDirectory.includes('\0')) refuse('working_directory', 'must not contain NUL');
  spec.argv.forEach((word, index) => {
    if (word.includes('\0')) refuse(`argv[${index}]`, 'must not contain NUL');
  });
  for (const [name, value] of Object.entries(spec.environment)) {
    if (name === '' || /[=\0]/.test(name))
      refuse(`environment[${JSON.stringify(name)}]`, 'must not be empty or contain = or NUL');
    if (value.includes('\0')) refuse(`environment.${name}`, 'must not contain NUL');
  }
  if (spec.stdinPath !== undefined && !isAbsolute(spec.stdinPath)) refuse('stdin', 'must be an absolute path');
  if (spec.runTimeoutMs !== undefined && !(spec.runTimeoutMs > 0)) refuse('run_timeout', 'must be positive');
  if (!(spec.graceMs >= 0)) refuse('grace', 'must not be negative');
}

/**
 * The line that makes the zygote start this. The spec must have passed `requireLaunchable`.
 * @param envPath the program `env`, for variables that a shell cannot export
 */
export function launchLine(spec: LaunchSpec, programPath: string, envPath: string): string {
  const variables = environmentOf(spec);
  const exportable = variables.every(([name]) => isExportable(name));
  const assignments = variables.map(([name, value]) => `${name}=${value}`);
  // The path instead of the name where the name could be taken for an option of what executes it.
  const program = spec.argv[0].startsWith('-') ? programPath : spec.argv[0];
  const argv = [program, ...spec.argv.slice(1)];
  const viaEnv = exportable ? [] : [envPath, '-i', ...assignments];
  return shellLine(RUN_COMMAND, [
    runFileName(spec.key),
    spec.workingDirectory,
    spec.stdinPath ?? '/dev/null',
    spec.runTimeoutMs === undefined ? '0' : String(Math.ceil(spec.runTimeoutMs / 1000)),
    String(Math.ceil(spec.graceMs / 1000)),
    spec.stopSignal.slice('SIG'.length),
    ...(exportable ? assignments : []),
    '--',
    ...viaEnv,
    ...argv,
  ]);
}

/** `_` is dropped: shells set it themselves, to nothing a job could use. */
function environmentOf(spec: LaunchSpec): [string, string][] {
  return Object.entries({ ...spec.environment, ...runMarks(spec.key) }).filter(([name]) => name !== '_');
}

/**
 * Variables that a shell treats specially when they are set: read-only, numeric only, counting by themselves, or
 * changing how it works. They take the way through `env`, which costs one more exec.
 */
const SPECIAL =
  /^(BASH.*|COMP_.*|DIRSTACK|EPOCH.*|EUID|FUNCNAME|GROUPS|HISTCMD|IFS|LINENO|OPTARG|OPTIND|POSIXLY_CORRECT|PPID|RANDOM|SECONDS|SHELLOPTS|SRANDOM|UID)$/;

function isExportable(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !SPECIAL.test(name) && !name.startsWith(RESERVED_PREFIX);
}
