/**
 * The stage on which the conformance suite plays: one directory and one supervisor per test, ended without a trace.
 */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { asAttemptId, makeIds } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { stopTree } from './stop-tree.ts';
import type { LaunchSpec, RunKey, RunObservation, StartResult, Supervisor } from './supervisor.ts';

/** Opens a supervisor on a directory; opened again there, it must know the runs of the one before. */
export type OpenSupervisor = (directory: string) => Promise<Supervisor & AsyncDisposable>;

const ids = makeIds(systemClock, systemRandom);

/** A signal that never aborts. */
export const { signal: never } = new AbortController();

/** Where the tests' programs are. */
export const PATH = '/usr/local/bin:/usr/bin:/bin';

/** A key nobody used before. */
export function freshKey(): RunKey {
  return { attemptId: asAttemptId(ids.next()), run: 1 };
}

type Ended = Extract<RunObservation, { kind: 'ended' }>;

/** What a test uses. */
export class Stage {
  readonly #open: OpenSupervisor;
  readonly #opened: (Supervisor & AsyncDisposable)[] = [];
  #dir: TempDir | undefined;
  #supervisor: (Supervisor & AsyncDisposable) | undefined;

  /** Registers its making and clearing with the test runner: call it inside `describe`. */
  constructor(open: OpenSupervisor) {
    this.#open = open;
    beforeEach(async () => {
      this.#dir = await tempDir();
      await this.reopen();
    });
    afterEach(() => this.#clear());
  }

  get dir(): TempDir {
    if (this.#dir === undefined) throw new Error('the test has not begun');
    return this.#dir;
  }

  get supervisor(): Supervisor & AsyncDisposable {
    if (this.#supervisor === undefined) throw new Error('the test has not begun');
    return this.#supervisor;
  }

  /** Closes the supervisor, and opens another on the same directory. */
  async reopen(whileClosed?: () => Promise<void>): Promise<void> {
    await this.#supervisor?.[Symbol.asyncDispose]();
    await whileClosed?.();
    this.#supervisor = await this.#open(this.dir.join('runs'));
    this.#opened.push(this.#supervisor);
  }

  specOf(argv: LaunchSpec['argv'], rest: Partial<LaunchSpec> = {}): LaunchSpec {
    const policy = { graceMs: 500, stopSignal: 'SIGTERM' } as const;
    return { key: freshKey(), argv, workingDirectory: this.dir.path, environment: { PATH }, ...policy, ...rest };
  }

  /** A spec that runs this shell text. */
  sh(script: string, rest: Partial<LaunchSpec> = {}): LaunchSpec {
    return this.specOf(['sh', '-c', script], rest);
  }

  startSpec(spec: LaunchSpec): Promise<StartResult> {
    return this.supervisor.start(spec, never);
  }

  async endOf(key: RunKey): Promise<Ended> {
    const seen = await this.supervisor.ended(key, never);
    if (seen.kind !== 'ended') throw new Error(`expected an end, got ${JSON.stringify(seen)}`);
    return seen;
  }

  async runSpec(spec: LaunchSpec): Promise<Ended> {
    expect(await this.startSpec(spec)).toMatchObject({ kind: 'started' });
    return await this.endOf(spec.key);
  }

  outputOf(spec: LaunchSpec): string {
    return readFileSync(this.supervisor.outputPath(spec.key, 'stdout'), 'utf8');
  }

  errorOf(spec: LaunchSpec): string {
    return readFileSync(this.supervisor.outputPath(spec.key, 'stderr'), 'utf8');
  }

  async #clear(): Promise<void> {
    for (const key of await this.supervisor.list()) {
      await stopTree(
        { supervisor: this.supervisor, clock: systemClock },
        key,
        { signal: 'SIGKILL', graceMs: 0 },
        never,
      );
      await this.supervisor.ended(key, never);
    }
    for (const one of this.#opened.splice(0)) await one[Symbol.asyncDispose]();
    this.#supervisor = undefined;
    await this.dir[Symbol.asyncDispose]();
  }
}
