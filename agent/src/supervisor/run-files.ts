/**
 * The files of runs in one directory: `<attempt>-<run>` (the claim and what became of it), `.out` and `.err`.
 * Reads and writes are synchronous: each is one small page-cache access (about 20 µs), several times less than the
 * way through the thread pool, and they are on the path of every start and exit. Nothing here needs fsync: a claim
 * must survive the agent, not the machine (another boot id makes every run of the old one lost anyway).
 */
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { AppError, errnoOf } from '@muster/common/errors/app-error';
import { asAttemptId, isUlid } from '@muster/common/ids/ids';
import { NEVER_RECORD } from './run-record.ts';
import type { OutputStream, RunKey } from './supervisor.ts';

/** A run's file as it is now. */
export interface RunFile {
  readonly text: string;
  /** Last write, epoch milliseconds. */
  readonly modifiedMs: number;
  /** Creation, epoch milliseconds; undefined where the file system does not keep it. */
  readonly createdMs: number | undefined;
}

/** The name all files of a run begin with. */
export function runFileName(key: RunKey): string {
  if (!isUlid(key.attemptId) || !Number.isSafeInteger(key.run) || key.run < 1) {
    throw new AppError(
      'invalid_argument',
      `a run has an attempt id and a number from 1, not "${key.attemptId}-${key.run}"`,
    );
  }
  return `${key.attemptId}-${key.run}`;
}

/** Append, but do not create: a record that is gone stays gone. */
const APPEND_EXISTING = constants.O_WRONLY | constants.O_APPEND;

/** A shell's message is one or two lines with a path in each; longer ones are cut in what people read. */
const ERROR_TEXT_BYTES = 400;

const RUN_FILE = /^([0-9a-z]{26})-([1-9][0-9]*)(\.out|\.err)?$/;

/** The files of all runs in one directory. */
export class RunFiles {
  readonly directory: string;

  /** Makes the directory, 0700, where it is missing. */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Where the claim and the exit of a run are. */
  recordPath(key: RunKey): string {
    return join(this.directory, runFileName(key));
  }

  /** Where a stream of a run is kept. */
  outputPath(key: RunKey, stream: OutputStream): string {
    return `${this.recordPath(key)}${stream === 'stdout' ? '.out' : '.err'}`;
  }

  /** Reads a run's file; undefined when there is none. */
  read(key: RunKey): RunFile | undefined {
    const file = openIfThere(this.recordPath(key));
    if (file === undefined) return undefined;
    try {
      const text = readFileSync(file, 'utf8');
      const stat = fstatSync(file);
      // Without a birth time statx gives 0, and Node then the time of the last change.
      const known = stat.birthtimeMs > 0 && stat.birthtimeMs < stat.ctimeMs;
      return { text, modifiedMs: stat.mtimeMs, createdMs: known ? stat.birthtimeMs : undefined };
    } finally {
      closeSync(file);
    }
  }

  /** Creates the claim that says "never", complete or not at all; false when somebody claimed before. */
  createNever(key: RunKey): boolean {
    const path = this.recordPath(key);
    // Linked into place, since a file created and then written could be left empty by a crash between the two.
    const draft = join(this.directory, `.never-${runFileName(key)}`);
    writeFileSync(draft, NEVER_RECORD, { mode: 0o600 });
    try {
      linkSync(draft, path);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw AppError.from(error, `cannot claim ${path}`);
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** Adds one line to the run's file of this name, in one write; does nothing where the file is gone. */
  appendTo(name: string, line: string): void {
    try {
      const file = openSync(join(this.directory, name), APPEND_EXISTING);
      try {
        writeSync(file, `${line}\n`);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw AppError.from(error, `cannot write to the file of run ${name}`);
    }
  }

  /** Reads the beginning of a run's standard error, for a shell's own message about a failed exec. */
  readErrorText(key: RunKey): string {
    try {
      // Also asked for programs that exit with 126 or 127 by themselves, whatever they have printed: never the whole file.
      return readHead(this.outputPath(key, 'stderr'), ERROR_TEXT_BYTES).trim();
    } catch {
      return '';
    }
  }

  /** Whether a run wrote to its standard output. */
  hasOutput(key: RunKey): boolean {
    return (statSync(this.outputPath(key, 'stdout'), { throwIfNoEntry: false })?.size ?? 0) > 0;
  }

  /** Deletes a run's files; the claim last, so that a crash in between cannot let the run start again. */
  remove(key: RunKey): void {
    rmSync(this.outputPath(key, 'stdout'), { force: true });
    rmSync(this.outputPath(key, 'stderr'), { force: true });
    rmSync(this.recordPath(key), { force: true });
  }

  /** Every run that has a file here. */
  list(): RunKey[] {
    const names = new Set<string>();
    const keys: RunKey[] = [];
    for (const name of readdirSync(this.directory).sort()) {
      const match = RUN_FILE.exec(name);
      const [attempt, run] = [match?.[1], match?.[2]];
      if (attempt === undefined || run === undefined || !isUlid(attempt) || names.has(`${attempt}-${run}`)) continue;
      names.add(`${attempt}-${run}`);
      keys.push({ attemptId: asAttemptId(attempt), run: Number(run) });
    }
    return keys;
  }
}

function readHead(path: string, mostBytes: number): string {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(mostBytes);
    return head.toString('utf8', 0, readSync(file, head, 0, mostBytes, 0));
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw AppError.from(error, `cannot read ${path}`);
  }
}
