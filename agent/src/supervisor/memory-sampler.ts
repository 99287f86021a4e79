/**
 * Samples the resident memory of running trees, since a plain shell can say nothing about peaks. New peaks are written
 * to the run's file, so that a later agent goes on from them.
 */
import type { Clock } from '@muster/common/clock/clock';
import { isAlive, type ProcessIdentity } from './proc-files.ts';
import { residentPagesOf } from './process-tree.ts';

/** Early looks catch short runs; the rest is every 2 s: about 50 µs each, so 1,000 runs take 2.5 % of a core. */
const EARLY_DELAYS_MS = [50, 200] as const;
const PERIOD_MS = 2_000;
/** A peak is written when it is this much above the last one: a growing run then writes few lines. */
const WORTH_WRITING = 1.05;

/** What sampling needs. */
export interface MemorySamplerDeps {
  readonly clock: Clock;
  readonly pageSizeBytes: number;
  /** Keeps a new peak of a run. */
  readonly record: (id: string, bytes: number) => void;
}

interface Watched {
  readonly identity: ProcessIdentity;
  samples: number;
  writtenBytes: number;
  timer: Disposable;
}

/** Samples every watched run until it ends. */
export class MemorySampler implements Disposable {
  readonly #deps: MemorySamplerDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: MemorySamplerDeps) {
    this.#deps = deps;
  }

  /** Begins with a run; does nothing where it is watched already. */
  watch(id: string, identity: ProcessIdentity): void {
    if (this.#watched.has(id)) return;
    const timer = this.#deps.clock.schedule(EARLY_DELAYS_MS[0], () => this.#sample(id));
    this.#watched.set(id, { identity, samples: 0, writtenBytes: 0, timer });
  }

  /** Ends with a run. */
  forget(id: string): void {
    this.#watched.get(id)?.timer[Symbol.dispose]();
    this.#watched.delete(id);
  }

  [Symbol.dispose](): void {
    for (const id of [...this.#watched.keys()]) this.forget(id);
  }

  #sample(id: string): void {
    const run = this.#watched.get(id);
    if (run === undefined) return;
    if (!isAlive(run.identity)) {
      this.forget(id);
      return;
    }
    const bytes = residentPagesOf(run.identity.pid) * this.#deps.pageSizeBytes;
    if (bytes > run.writtenBytes * WORTH_WRITING) {
      run.writtenBytes = bytes;
      this.#deps.record(id, bytes);
    }
    run.samples += 1;
    run.timer = this.#deps.clock.schedule(EARLY_DELAYS_MS[run.samples] ?? PERIOD_MS, () => this.#sample(id));
  }
}
