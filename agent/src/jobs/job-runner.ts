/**
 * Drives one attempt from the permission to start to its result: ledger, preparation, claim, run, result. What already
 * happened is never done again: after a restart of the agent `adopt` goes on where the disk says the attempt stands.
 */
import { toBinary } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { AppError, errorChain, isAppError } from '@muster/common/errors/app-error';
import type { AttemptId } from '@muster/common/ids/ids';
import {
  type Assignment,
  AssignmentSchema,
  type AttemptStatus,
  AttemptStatusSchema,
} from '@muster/gen/muster/agent/v1/assignment_pb';
import type { JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';
import { LostReason, NotRunReason, StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import { parseSignalName } from '../supervisor/signal-name.ts';
import { stopTree } from '../supervisor/stop-tree.ts';
import type { LaunchSpec, RunKey, RunObservation } from '../supervisor/supervisor.ts';
import { type AttemptEvent, type AttemptPhase, stepAttempt } from './attempt-machine.ts';
import type { AttemptDeps, PreparedLaunch, RunLengths } from './attempt-ports.ts';
import {
  endedStatus,
  liveStatus,
  lostStatus,
  type NotRunCause,
  notRunStatus,
  supervisorCause,
} from './attempt-report.ts';
import { runEnvironment } from './run-environment.ts';
import { makeWorkDirectory, type WorkDirectory } from './work-directory.ts';

/** A batch attempt has exactly one run. */
const ONLY_RUN = 1;
/** A run shorter than this is reported once, with its end: "running" would tell nobody anything. */
const RUNNING_REPORT_DELAY_MS = 20;
/** A disk that is full now may have room soon; a file that cannot be made or read costs next to nothing to try. */
const GO_ON_AGAIN_MS = 1_000;
/** Grace where the spec names none, as the contract says. */
const DEFAULT_GRACE_MS = 10_000;

/** One attempt on this node. */
export class JobRunner {
  readonly attemptId: AttemptId;
  readonly key: RunKey;
  readonly #deps: AttemptDeps;
  readonly #assignment: Assignment | undefined;
  readonly #preparation = new AbortController();
  #phase: AttemptPhase;
  #result: AttemptStatus | undefined;
  /** The ending of the tree, once it was begun. */
  #ending: Promise<void> | undefined;

  /** @param assignment undefined where its record is gone: the attempt can then only be watched and stopped */
  constructor(deps: AttemptDeps, attemptId: AttemptId, assignment: Assignment | undefined, stop?: StoppedBy) {
    this.#deps = deps;
    this.attemptId = attemptId;
    this.key = { attemptId, run: ONLY_RUN };
    this.#assignment = assignment;
    this.#phase = { kind: 'start_allowed', stop };
  }

  /** Where it stands. */
  get phase(): AttemptPhase {
    return this.#phase;
  }

  /** Its terminal status; undefined while it has none. */
  get result(): AttemptStatus | undefined {
    return this.#result;
  }

  /** What it would report now. */
  get status(): AttemptStatus {
    return this.#result ?? liveStatus(this.attemptId, ONLY_RUN, this.#phase);
  }

  /** Takes a result that the ledger already holds. */
  restore(result: AttemptStatus): void {
    this.#step({ kind: 'finished' });
    this.#result = result;
  }

  /** A fresh attempt, from the ledger to its result. Rejects with the signal's reason when the agent ends meanwhile. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#start(signal);
    } catch (error) {
      signal.throwIfAborted();
      await this.goOnAfter(AppError.from(error), signal);
    }
  }

  async #start(signal: AbortSignal): Promise<void> {
    // Beside the ledger's write and not after it: an empty directory does no harm, and each wait is a part of every start.
    const work = this.#makeWork();
    const refused = await this.#recordStart();
    if (refused !== undefined) return this.#notRun(refused);
    this.#step({ kind: 'preparing' });
    const prepared = await this.#prepareUnlessStopped(work, signal);
    if (prepared.kind === 'not_run') return this.#notRun(prepared.cause);
    const started = await this.#deps.supervisor.start(this.#launchSpec(prepared.launch), signal);
    switch (started.kind) {
      case 'not_run':
        return this.#notRun(supervisorCause(started.reason, started.detail));
      case 'already_claimed':
        return this.#goOn(started.observation, signal);
      case 'started':
        return this.#watch(started.pid, started.startedAtMs, signal);
    }
  }

  /**
   * Goes on after a failure of `run` or `adopt`: an attempt that nobody drives any more would never end, whoever cancels
   * it. Its claim says what became of it; where the disk or the system does not let that be known now, it is tried again.
   */
  async goOnAfter(failure: AppError, signal: AbortSignal): Promise<void> {
    const { supervisor, logger, clock } = this.#deps;
    const invalid = failure.code === 'invalid_argument';
    const reason = invalid ? NotRunReason.INVALID_SPEC : NotRunReason.SPAWN_ERROR;
    for (let last: unknown = failure; ; await clock.sleep(GO_ON_AGAIN_MS, signal)) {
      logger.error({ attempt: this.attemptId, reason: errorChain(last) }, 'an attempt met a failure; going on');
      try {
        if ((await supervisor.claimNever(this.key)) === 'started') {
          return await this.#goOn(await supervisor.observe(this.key), signal);
        }
        return await this.#notRun({ reason, message: `it could not be started: ${failure.message}` });
      } catch (error) {
        signal.throwIfAborted();
        last = error;
      }
    }
  }

  /**
   * An attempt that an earlier agent left in the ledger without a result: goes on with what became of it. The phase is
   * right as soon as the call has returned its promise.
   */
  async adopt(observation: RunObservation, bootId: string | undefined, signal: AbortSignal): Promise<void> {
    if (observation.kind !== 'absent') return this.#goOn(observation, signal);
    if (bootId === undefined) {
      return this.#lost(LostReason.LEDGER_CHANGED, 'its record in the ledger is damaged, and it left no trace');
    }
    if (bootId !== this.#deps.bootId) {
      return this.#lost(LostReason.NODE_REBOOTED, 'the node was started anew before its end was known');
    }
    return this.#never('the agent was started anew before the run began');
  }

  /** Ends it for this reason: before the claim it never runs, afterwards its process tree is ended. Repeats are ignored. */
  async stop(stoppedBy: StoppedBy, signal: AbortSignal): Promise<void> {
    if (!this.#step({ kind: 'stop_asked', stoppedBy })) return;
    if (this.#phase.kind === 'stopping') return this.#endTreeOnce(signal);
    this.#preparation.abort(new AppError('cancelled', 'stopped before it began'));
    // Whoever creates the claim wins; a start that was faster finds the stop in the phase and carries it out.
    await this.#deps.supervisor.claimNever(this.key);
  }

  #step(event: AttemptEvent): boolean {
    const step = stepAttempt(this.#phase, event);
    if (step.kind === 'moved') this.#phase = step.phase;
    return step.kind === 'moved';
  }

  async #recordStart(): Promise<NotRunCause | undefined> {
    const { ledger, bootId, disk } = this.#deps;
    if (this.#assignment === undefined) throw new AppError('internal', 'an attempt without an assignment was started');
    try {
      await ledger.recordStarted(this.attemptId, bootId, toBinary(AssignmentSchema, this.#assignment));
      return undefined;
    } catch (error) {
      if (isAppError(error, 'resource_exhausted')) return noDisk(error);
      const free = await disk.freeBytes(this.#deps.workPath).catch(() => 0);
      const message = `the node could not write its ledger (${errorChain(error)}; ${free} bytes are free)`;
      return { reason: NotRunReason.SPAWN_ERROR, message };
    }
  }

  /** The attempt's own directory. Its failure is told by whoever waits for it. */
  #makeWork(): Promise<WorkDirectory> {
    const { disk, workPath } = this.#deps;
    const stdin = this.#assignment?.spec?.stdin ?? new Uint8Array();
    const work = makeWorkDirectory(disk, workPath, this.attemptId, stdin);
    work.catch(() => undefined);
    return work;
  }

  async #prepareUnlessStopped(
    work: Promise<WorkDirectory>,
    signal: AbortSignal,
  ): Promise<{ kind: 'ready'; launch: PreparedLaunch } | { kind: 'not_run'; cause: NotRunCause }> {
    const never: NotRunCause = { reason: NotRunReason.NEVER_STARTED, message: 'it was stopped before it began' };
    if (this.#phase.kind === 'preparing' && this.#phase.stop !== undefined) {
      await this.#deps.supervisor.claimNever(this.key);
      return { kind: 'not_run', cause: never };
    }
    try {
      const prepared = await this.#prepare(await work, AbortSignal.any([signal, this.#preparation.signal]));
      return prepared.kind === 'ready' ? prepared : { kind: 'not_run', cause: prepared };
    } catch (error) {
      signal.throwIfAborted();
      if (this.#preparation.signal.aborted) return { kind: 'not_run', cause: never };
      if (isAppError(error, 'resource_exhausted')) return { kind: 'not_run', cause: noDisk(error) };
      const message = `it could not be prepared: ${AppError.from(error).message}`;
      return { kind: 'not_run', cause: { reason: NotRunReason.SPAWN_ERROR, message } };
    }
  }

  async #prepare(work: WorkDirectory, signal: AbortSignal): ReturnType<AttemptDeps['drivers']['prepare']> {
    const { drivers } = this.#deps;
    const spec = this.#assignment?.spec;
    if (spec === undefined) {
      return { kind: 'not_run', reason: NotRunReason.INVALID_SPEC, message: 'spec: is missing in the assignment' };
    }
    const context = {
      attemptId: this.attemptId,
      workDirectory: work.path,
      workingDirectory: spec.workingDirectory === '' ? work.path : spec.workingDirectory,
      environment: this.#environment(spec),
      ...(work.stdinPath === undefined ? {} : { stdinPath: work.stdinPath }),
    };
    return await drivers.prepare(spec, context, signal);
  }

  #environment(spec: JobSpec): Record<string, string> {
    return runEnvironment(spec, this.#deps.environment, {
      attemptId: this.attemptId,
      run: ONLY_RUN,
      jobId: this.#assignment?.jobId ?? '',
      nodeName: this.#deps.nodeName,
    });
  }

  #launchSpec(launch: PreparedLaunch): LaunchSpec {
    const policy = this.#stopPolicy();
    const runTimeoutMs = this.#runTimeoutMs();
    return {
      ...launch,
      key: this.key,
      graceMs: policy.graceMs,
      stopSignal: policy.signal,
      ...(runTimeoutMs === undefined ? {} : { runTimeoutMs }),
    };
  }

  #stopPolicy(): { signal: NonNullable<ReturnType<typeof parseSignalName>>; graceMs: number } {
    const stop = this.#assignment?.spec?.stop;
    const graceMs = stop?.grace === undefined ? DEFAULT_GRACE_MS : durationMs(stop.grace);
    return { signal: parseSignalName(stop?.signal ?? '') ?? 'SIGTERM', graceMs };
  }

  #runTimeoutMs(): number | undefined {
    const run = this.#assignment?.spec?.timeouts?.run;
    return run === undefined ? undefined : durationMs(run);
  }

  /** What became of a run that somebody claimed before. */
  async #goOn(observation: RunObservation, signal: AbortSignal): Promise<void> {
    switch (observation.kind) {
      case 'running':
        return this.#watch(observation.pid, observation.startedAtMs, signal);
      case 'ended':
        return this.#ended(observation);
      case 'claimed_never':
        return this.#notRun({ reason: NotRunReason.NEVER_STARTED, message: 'it was stopped before it began' });
      case 'absent':
        return this.#never('it was not started');
    }
  }

  async #never(why: string): Promise<void> {
    if ((await this.#deps.supervisor.claimNever(this.key)) === 'never') {
      return this.#notRun({ reason: NotRunReason.NEVER_STARTED, message: why });
    }
    const observation = await this.#deps.supervisor.observe(this.key);
    if (observation.kind === 'ended') return this.#ended(observation);
    return this.#lost(LostReason.SUPERVISOR_DIED, 'its claim says that it was started, and nothing else is known');
  }

  /** The run lives: report that, and wait for its end, its timeout, or a stop. */
  async #watch(pid: number, startedAtMs: number, signal: AbortSignal): Promise<void> {
    const { clock, logs, statuses, supervisor } = this.#deps;
    this.#step({ kind: 'claimed', pid, startedAtMs });
    logs.begin(this.key);
    using _report = clock.schedule(RUNNING_REPORT_DELAY_MS, () => {
      if (this.#result === undefined) statuses.report(this.status);
    });
    // A stop that came before the claim is carried out now.
    if (this.#phase.kind === 'stopping') void this.#endTreeOnce(signal);
    using _timeout = this.#scheduleTimeout(startedAtMs, () => this.#endTreeOnce(signal));
    let observation = await supervisor.ended(this.key, signal);
    if (this.#ending !== undefined) {
      // The main process has ended; a stop ends with the last process of the tree, and what that still printed counts.
      await this.#ending;
      signal.throwIfAborted();
      observation = await supervisor.observe(this.key);
    }
    await (observation.kind === 'ended' ? this.#ended(observation) : this.#never('its run is gone'));
  }

  /** However many reasons there are to stop: the tree is ended once. */
  #endTreeOnce(signal: AbortSignal): Promise<void> {
    this.#ending ??= this.#insistently(() => this.#endTree(signal), signal);
    return this.#ending;
  }

  #scheduleTimeout(startedAtMs: number, end: () => void): Disposable {
    const { clock } = this.#deps;
    const runTimeoutMs = this.#runTimeoutMs();
    if (runTimeoutMs === undefined) return { [Symbol.dispose]: () => {} };
    const leftMs = Math.max(0, startedAtMs + runTimeoutMs - clock.nowMs());
    return clock.schedule(leftMs, () => {
      if (this.#step({ kind: 'stop_asked', stoppedBy: StoppedBy.TIMEOUT })) end();
    });
  }

  async #endTree(signal: AbortSignal): Promise<void> {
    const { supervisor, clock, logger, statuses } = this.#deps;
    statuses.report(this.status);
    const outcome = await stopTree({ supervisor, clock }, this.key, this.#stopPolicy(), signal);
    if (outcome.survivors > 0) {
      const fields = { attempt: this.attemptId, processes: outcome.survivors };
      logger.error(fields, 'processes of a run do not end on SIGKILL; they hang in the kernel');
    }
  }

  /** Until it succeeds or the agent ends: a stop is asked for once, and must end (a later agent goes on with it). */
  async #insistently(activity: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps;
    while (!signal.aborted) {
      try {
        return await activity();
      } catch (error) {
        if (signal.aborted) return;
        logger.error(
          { attempt: this.attemptId, reason: errorChain(error) },
          'a run could not be stopped; trying again',
        );
        await clock.sleep(GO_ON_AGAIN_MS, signal).catch(() => undefined);
      }
    }
  }

  async #ended(observation: Extract<RunObservation, { kind: 'ended' }>): Promise<void> {
    const stop = this.#phase.kind === 'running' ? undefined : this.#phase.stop;
    const lengths = observation.end.kind === 'not_run' ? NO_OUTPUT : await this.#lengths();
    await this.#finish(endedStatus(this.attemptId, ONLY_RUN, observation, lengths, stop));
  }

  async #lost(reason: LostReason, message: string): Promise<void> {
    await this.#finish(lostStatus(this.attemptId, ONLY_RUN, { reason, message }, await this.#lengths()));
  }

  async #notRun(cause: NotRunCause): Promise<void> {
    await this.#finish(notRunStatus(this.attemptId, cause));
  }

  async #lengths(): Promise<RunLengths> {
    const { disk, supervisor, logs } = this.#deps;
    const size = async (stream: 'stdout' | 'stderr'): Promise<number> =>
      (await disk.stat(supervisor.outputPath(this.key, stream)))?.sizeBytes ?? 0;
    const [stdout, stderr] = await Promise.all([size('stdout'), size('stderr')]);
    logs.begin(this.key);
    return logs.finish(this.key, { stdout, stderr });
  }

  /** Reports at once; the ledger follows, and the run's own file has the end already. */
  async #finish(result: AttemptStatus): Promise<void> {
    if (!this.#step({ kind: 'finished' })) return;
    this.#result = result;
    this.#deps.statuses.report(result);
    if (!this.#deps.ledger.has(this.attemptId)) return;
    try {
      await this.#deps.ledger.recordResult(this.attemptId, toBinary(AttemptStatusSchema, result));
    } catch (error) {
      const fields = { attempt: this.attemptId, reason: errorChain(error) };
      this.#deps.logger.error(fields, 'a result could not be written to the ledger; it is repeated from memory');
    }
  }
}

const NO_OUTPUT: RunLengths = { stdout: 0, stderr: 0 };

function noDisk(error: AppError): NotRunCause {
  return { reason: NotRunReason.NO_DISK, message: `the node's disk is full: ${error.message}`, errno: 'ENOSPC' };
}
