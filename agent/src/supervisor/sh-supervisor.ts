/**
 * Keeps runs by a plain POSIX shell: one long-lived zygote forks a keeper for each. Works on every Linux, needs no
 * rights, and cannot limit memory or CPU. zygote-script.ts is its heart; hold the two side by side.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@muster/common/clock/clock';
import { AppError, errorChain } from '@muster/common/errors/app-error';
import type { Logger } from '@muster/common/logging/logger';
import { launchLine, requireLaunchable } from './launch-words.ts';
import { MemorySampler } from './memory-sampler.ts';
import { runNoticeLoop } from './notice-loop.ts';
import { type Notice, type NoticePipe, openNoticePipe } from './notice-pipe.ts';
import { isSettled, observeRun } from './observe-run.ts';
import { PreflightCheck } from './preflight.ts';
import { isAlive, type ProcStat, readBootId, readPageSizeBytes, readUptimeMs, TICK_MS } from './proc-files.ts';
import { findTree, signalAll } from './process-tree.ts';
import { RunEnds } from './run-ends.ts';
import { RunFiles, runFileName } from './run-files.ts';
import { parseRunRecord, type RunRecord } from './run-record.ts';
import { RunStarter, type StartNotice } from './run-starter.ts';
import type { SignalName } from './signal-name.ts';
import type { LaunchSpec, OutputStream, RunKey, RunObservation, StartResult, Supervisor } from './supervisor.ts';
import { type ShellCommand, startZygote } from './zygote.ts';
import { DEFAULT_PATH } from './zygote-script.ts';

/** What it is opened with. */
export interface ShSupervisorOptions {
  /** Directory of the runs' files; made if missing. One supervisor at a time may have it. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default `/bin/sh`. Any of dash, bash, busybox (`['busybox', 'sh']`). */
  readonly shell?: ShellCommand;
  /** Default: this boot's. */
  readonly bootId?: string;
}

/** A tree that still forks after so many rounds is for SIGKILL, or a fork bomb. */
const MOST_SIGNAL_ROUNDS = 10;

/** The FIFO's name; no run can be called so. */
const NOTICE_PIPE = '.notices';

/** Opens the supervisor: makes the FIFO, starts the zygote. Runs of an earlier one are there at once. */
export async function openShSupervisor(options: ShSupervisorOptions): Promise<ShSupervisor> {
  const files = new RunFiles(options.directory);
  const pipe = await openNoticePipe(join(options.directory, NOTICE_PIPE));
  const supervisor = new ShSupervisor(options, files, pipe);
  if (process.pid === 1) {
    // A keeper's parent is gone by design, so it is collected by process 1, and Node collects only its own children.
    options.logger.warn(
      'this is process 1 and leaves ended runs as zombies; start it under an init (docker run --init)',
    );
  }
  try {
    await supervisor.warm();
    return supervisor;
  } catch (error) {
    await supervisor[Symbol.asyncDispose]();
    throw error;
  }
}

/** The plain supervisor. Disposing ends the zygote and the watching; the runs live on. */
export class ShSupervisor implements Supervisor, AsyncDisposable {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #files: RunFiles;
  readonly #bootId: string;
  readonly #envPath: string;
  readonly #pageSizeBytes = readPageSizeBytes();
  readonly #preflight = new PreflightCheck();
  readonly #ends: RunEnds;
  readonly #starter: RunStarter;
  readonly #sampler: MemorySampler;
  readonly #closing = new AbortController();
  readonly #loop: Promise<void>;

  /** Use `openShSupervisor`. */
  constructor(options: ShSupervisorOptions, files: RunFiles, pipe: NoticePipe) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#files = files;
    this.#bootId = options.bootId ?? readBootId();
    this.#envPath = findProgram('env') ?? '/usr/bin/env';
    this.#ends = new RunEnds(options.clock);
    this.#sampler = new MemorySampler({
      clock: options.clock,
      pageSizeBytes: this.#pageSizeBytes,
      record: (id, bytes) => this.#note(id, `memory ${bytes}`),
    });
    const settings = {
      directory: options.directory,
      fifoPath: pipe.path,
      bootId: this.#bootId,
      setsidPath: findProgram('setsid') ?? '',
    };
    const shell = options.shell ?? ['/bin/sh'];
    this.#starter = new RunStarter({
      clock: options.clock,
      logger: options.logger,
      startZygote: () => startZygote(shell, settings),
    });
    this.#loop = runNoticeLoop({ pipe, onNotice: (notice) => this.#onNotice(notice) }, this.#closing.signal);
  }

  /** Starts the zygote if it is not there, and gives its pid. */
  async warm(): Promise<number> {
    return (await this.#starter.warm()).pid;
  }

  async start(spec: LaunchSpec, signal: AbortSignal): Promise<StartResult> {
    requireLaunchable(spec);
    const { key } = spec;
    const id = runFileName(key);
    const before = this.#look(key);
    if (before.kind !== 'absent') return { kind: 'already_claimed', observation: before };
    const preflight = await this.#preflight.check(spec);
    if (preflight.kind === 'not_run') {
      return this.#claimedNever(key) ? preflight : { kind: 'already_claimed', observation: this.#look(key) };
    }
    if (this.#starter.has(id)) return { kind: 'already_claimed', observation: this.#look(key) };
    const notice = await this.#starter.start(id, launchLine(spec, preflight.programPath, this.#envPath), signal);
    return this.#resultOf(key, notice);
  }

  async observe(key: RunKey): Promise<RunObservation> {
    return this.#look(key);
  }

  async ended(key: RunKey, signal: AbortSignal): Promise<RunObservation> {
    const settled = (): RunObservation | undefined => {
      const seen = this.#look(key);
      return isSettled(seen) ? seen : undefined;
    };
    return await this.#ends.until(runFileName(key), settled, signal);
  }

  async claimNever(key: RunKey): Promise<'never' | 'started'> {
    return this.#claimedNever(key) ? 'never' : 'started';
  }

  async signalTree(key: RunKey, signal: SignalName): Promise<number> {
    const taken = new Map<number, number>();
    // A process forked between the look and the signal would miss it: look again until there is nobody new.
    for (let round = 0; round < MOST_SIGNAL_ROUNDS; round += 1) {
      const found = await this.#tree(key);
      const fresh = found?.tree.filter((stat) => taken.get(stat.pid) !== stat.startTicks) ?? [];
      if (found === undefined || fresh.length === 0) break;
      // Written first: should we die in between, a signal too many is on record, and not one too few.
      if (!found.record.signalsSent.includes(signal)) this.#note(runFileName(key), `signal ${signal}`);
      for (const stat of signalAll(fresh, signal)) taken.set(stat.pid, stat.startTicks);
    }
    return taken.size;
  }

  async countTree(key: RunKey): Promise<number> {
    const found = (await this.#tree(key))?.tree.length ?? 0;
    // Claimed, but not forked yet; or ended, but not recorded yet.
    return found === 0 && this.#look(key).kind === 'running' ? 1 : found;
  }

  outputPath(key: RunKey, stream: OutputStream): string {
    return this.#files.outputPath(key, stream);
  }

  async remove(key: RunKey): Promise<void> {
    if (this.#look(key).kind === 'running') {
      throw new AppError('failed_precondition', `run ${runFileName(key)} is still running; stop it before removing it`);
    }
    this.#files.remove(key);
  }

  async list(): Promise<RunKey[]> {
    return this.#files.list();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sampler[Symbol.dispose]();
    await this.#starter[Symbol.asyncDispose]();
    this.#closing.abort(new AppError('cancelled', 'the supervisor is closed'));
    await this.#loop;
  }

  #onNotice(notice: Notice): void {
    if (notice.kind === 'ended') this.#sampler.forget(notice.id);
    this.#starter.onNotice(notice);
    if (notice.kind === 'ended') this.#ends.notify(notice.id);
  }

  #resultOf(key: RunKey, notice: StartNotice): StartResult {
    if (notice.kind === 'started') {
      this.#sampler.watch(runFileName(key), notice.job);
      const ageMs = Math.max(0, readUptimeMs() - notice.job.startTicks * TICK_MS);
      return { kind: 'started', pid: notice.job.pid, startedAtMs: this.#clock.nowMs() - ageMs };
    }
    const seen = this.#look(key);
    if (seen.kind === 'absent') return this.#giveUp(key);
    const ours = seen.kind !== 'claimed_never' && (!notice.denied || notice.resent);
    if (!ours) return { kind: 'already_claimed', observation: seen };
    if (seen.kind === 'running') return { kind: 'started', pid: seen.pid, startedAtMs: seen.startedAtMs };
    if (seen.end.kind === 'not_run') return { kind: 'not_run', reason: seen.end.reason, detail: seen.end.detail };
    return { kind: 'started', pid: seen.pid ?? 0, startedAtMs: seen.startedAtMs };
  }

  /** Nothing was heard of a start and no claim is there: make sure that it does not happen later. */
  #giveUp(key: RunKey): StartResult {
    if (!this.#claimedNever(key)) return this.#resultOf(key, { kind: 'unclear', denied: false, resent: true });
    const detail = 'the shell that starts runs did not answer; the machine may be out of processes or memory';
    return { kind: 'not_run', reason: 'spawn_error', detail };
  }

  /** Adds to a run's record. Where the disk does not take it the run goes on being watched, and can still be ended. */
  #note(id: string, line: string): void {
    try {
      this.#files.appendTo(id, line);
    } catch (error) {
      this.#logger.error({ run: id, line, reason: errorChain(error) }, "a run's record could not be written");
    }
  }

  #claimedNever(key: RunKey): boolean {
    return this.#files.createNever(key) || this.#look(key).kind === 'claimed_never';
  }

  #look(key: RunKey): RunObservation {
    const first = this.#files.read(key);
    if (first === undefined) return { kind: 'absent' };
    const record = parseRunRecord(first.text);
    const keeperAlive = record.exit === undefined && this.#ownClaim(record) && isAlive(record.claim.keeper);
    if (keeperAlive && record.job !== undefined) this.#sampler.watch(runFileName(key), record.job);
    // A keeper that is gone wrote its last line before it went: only a second look can miss nothing.
    const file = record.exit === undefined && !keeperAlive ? (this.#files.read(key) ?? first) : first;
    return this.#interpret(key, file, file === first ? record : parseRunRecord(file.text), keeperAlive);
  }

  #interpret(
    key: RunKey,
    file: { text: string; modifiedMs: number; createdMs: number | undefined },
    record: RunRecord,
    keeperAlive: boolean,
  ): RunObservation {
    const status = record.exit?.status;
    const suspicious = record.failedStep !== undefined || status === 126 || status === 127;
    return observeRun(file, record, {
      bootId: this.#bootId,
      keeperAlive,
      nowMs: this.#clock.nowMs(),
      uptimeMs: readUptimeMs(),
      pageSizeBytes: this.#pageSizeBytes,
      errorText: suspicious ? this.#files.readErrorText(key) : '',
      wroteOutput: suspicious && this.#files.hasOutput(key),
    });
  }

  #ownClaim(record: RunRecord): record is RunRecord & { claim: NonNullable<RunRecord['claim']> } {
    return record.claim?.bootId === this.#bootId;
  }

  /** The living processes of a run; undefined where it was never started on this boot. */
  async #tree(key: RunKey): Promise<{ tree: ProcStat[]; record: RunRecord } | undefined> {
    const file = this.#files.read(key);
    const record = file === undefined ? undefined : parseRunRecord(file.text);
    if (record === undefined || !this.#ownClaim(record)) return undefined;
    return { tree: await findTree(key, record), record };
  }
}

function findProgram(name: string): string | undefined {
  return DEFAULT_PATH.split(':')
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
