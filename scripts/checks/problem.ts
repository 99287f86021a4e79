// What a check found, and how it is told: where, what, and what to do.

/** One thing to mend. `line` counts from 1 and is absent when the whole file is meant. */
export interface Problem {
  readonly path: string;
  readonly line?: number;
  readonly message: string;
}

/** Prints the problems under the check's name and sets the exit code; says nothing when there are none. */
export function report(check: string, problems: readonly Problem[]): void {
  for (const { path, line, message } of problems) {
    process.stderr.write(`${path}${line === undefined ? '' : `:${line}`}: ${message}\n`);
  }
  if (problems.length === 0) return;
  process.stderr.write(`${check}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n`);
  process.exitCode = 1;
}
