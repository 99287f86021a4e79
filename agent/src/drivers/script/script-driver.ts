/**
 * Runs a script: writes it to a file of its own in the attempt's directory and starts the interpreter on that file.
 * Without an interpreter in the spec, the script's first line decides as it would for any program ("#!"), else
 * /bin/sh. A given interpreter is looked for before anything is claimed, so that its absence is told as what it is.
 */
import { join } from 'node:path';
import type { Disk } from '@muster/common/disk/disk';
import { NotRunReason } from '@muster/gen/muster/job/v1/status_pb';
import type { Script } from '@muster/gen/muster/job/v1/workload_pb';
import type { Preparation, PrepareContext } from '../../jobs/attempt-ports.ts';
import type { Driver } from '../driver.ts';
import { readyLaunch } from '../ready-launch.ts';

/** Finds programs as an exec would; the supervisor's PreflightCheck is one. */
export interface ProgramFinder {
  findProgram(
    name: string,
    surroundings: Pick<PrepareContext, 'workingDirectory' | 'environment'>,
  ): Promise<{ readonly kind: 'ready' } | { readonly kind: 'not_run'; readonly detail: string }>;
}

/** What it needs. */
export interface ScriptDriverDeps {
  readonly disk: Disk;
  readonly programs: ProgramFinder;
}

/** The file's name in the attempt's directory. */
const SCRIPT_FILE = 'script';
/** Only its owner: a script may hold what others must not read. Executable, for scripts with a "#!" line. */
const SCRIPT_MODE = 0o700;
/** Runs scripts that name no interpreter. */
const USUAL_INTERPRETER = '/bin/sh';

/** Makes the driver of scripts. */
export function makeScriptDriver(deps: ScriptDriverDeps): Driver<'script'> {
  return {
    kind: 'script',
    async prepare(workload, _spec, context, signal) {
      const path = join(context.workDirectory, SCRIPT_FILE);
      const argv = argvOf(workload, path);
      const interpreter = argv[0] === path ? firstLineInterpreter(workload.content) : argv[0];
      const missing = await missingInterpreter(deps.programs, interpreter, context);
      if (missing !== undefined) return missing;
      signal.throwIfAborted();
      await writeScript(deps.disk, path, workload.content);
      return readyLaunch(argv, context);
    },
  };
}

function argvOf(workload: Script, path: string): [string, ...string[]] {
  const tail = [...workload.interpreterArgs, path, ...workload.args];
  if (workload.interpreter !== '') return [workload.interpreter, ...tail];
  // The kernel reads the "#!" line itself; only then could arguments of an interpreter not be placed before the path.
  if (workload.content.startsWith('#!') && workload.interpreterArgs.length === 0) return [path, ...workload.args];
  return [USUAL_INTERPRETER, ...tail];
}

/** The path after "#!"; the kernel wants it absolute, or takes it from the working directory. */
function firstLineInterpreter(content: string): string {
  return /^#![ \t]*([^ \t\n]*)/.exec(content)?.[1] ?? '';
}

async function missingInterpreter(
  programs: ProgramFinder,
  interpreter: string,
  context: PrepareContext,
): Promise<Preparation | undefined> {
  const found = await programs.findProgram(interpreter, context);
  if (found.kind === 'ready') return undefined;
  const message = `workload.script.interpreter: ${found.detail}`;
  return { kind: 'not_run', reason: NotRunReason.NO_INTERPRETER, message };
}

async function writeScript(disk: Disk, path: string, content: string): Promise<void> {
  // Closed before the exec: a program that somebody has open for writing cannot be executed (ETXTBSY).
  await using file = await disk.open(path, 'truncate', SCRIPT_MODE);
  await file.write(Buffer.from(content, 'utf8'));
}
