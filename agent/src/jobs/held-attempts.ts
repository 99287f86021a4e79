/**
 * All attempts that this node holds, and what the orchestrator may ask of them. Offers live in memory and die with their
 * session (P17); everything else is in the ledger and ends by `stop` and `forget` alone (P16).
 */
import { create, fromBinary } from '@bufbuild/protobuf';
import { AppError, errorChain } from '@muster/common/errors/app-error';
import { type AttemptId, asAttemptId } from '@muster/common/ids/ids';
import {
  type Assignment,
  AssignmentSchema,
  type AttemptStatus,
  AttemptStatusSchema,
  RefusedSchema,
} from '@muster/gen/muster/agent/v1/assignment_pb';
import {
  type AttemptVerdict,
  type HeldAttempt,
  HeldAttemptSchema,
  Verdict,
} from '@muster/gen/muster/agent/v1/session_pb';
import { OutputStream, type StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import type { OfferReply, WorkPort } from '../connection/session-ports.ts';
import { admitAttempt } from '../policy/admission.ts';
import type { AttemptDeps } from './attempt-ports.ts';
import type { FreeSpace } from './free-space.ts';
import { JobRunner } from './job-runner.ts';
import type { TaskSet } from './task-set.ts';
import { removeWorkDirectory } from './work-directory.ts';

/** What the attempts need beside what each single one needs. */
export interface HeldAttemptsDeps extends AttemptDeps {
  readonly freeSpace: FreeSpace;
  readonly maxAttempts: number;
  readonly driverKinds: ReadonlySet<string>;
  readonly tasks: TaskSet;
}

/** A restart with 1,000 attempts looks at this many at once: enough to keep the disk busy, few open files. */
const RECOVER_AT_ONCE = 32;

/** The attempts of this node. */
export class HeldAttempts implements WorkPort {
  readonly #deps: HeldAttemptsDeps;
  readonly #runners = new Map<string, JobRunner>();
  /** Offers of this session that were not refused. */
  readonly #offers = new Map<string, Assignment>();
  #draining = false;

  constructor(deps: HeldAttemptsDeps) {
    this.#deps = deps;
  }

  /** Attempts that are not yet over. */
  get active(): number {
    let count = this.#offers.size;
    for (const runner of this.#runners.values()) if (runner.phase.kind !== 'finished') count += 1;
    return count;
  }

  /**
   * After a start of the agent: goes on with everything in the ledger, and with runs that the supervisor keeps and the
   * ledger does not know. Returns when each has been looked at; runs that live are watched from then on.
   */
  async recover(): Promise<void> {
    const { ledger, supervisor } = this.#deps;
    const ids = new Set<AttemptId>(ledger.attemptIds);
    for (const key of await supervisor.list()) ids.add(key.attemptId);
    const waiting = [...ids];
    const worker = async (): Promise<void> => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) await this.#recoverOne(id);
    };
    await Promise.all(Array.from({ length: RECOVER_AT_ONCE }, worker));
  }

  async #recoverOne(attemptId: AttemptId): Promise<void> {
    const { ledger, tasks, logs, statuses, supervisor } = this.#deps;
    const entry = await ledger.entry(attemptId);
    const assignment = entry?.assignment === undefined ? undefined : decodeAssignment(entry.assignment);
    const runner = new JobRunner(this.#deps, attemptId, assignment);
    this.#runners.set(attemptId, runner);
    const result = entry?.result === undefined ? undefined : decodeStatus(entry.result);
    if (result !== undefined) {
      runner.restore(result);
      statuses.report(result);
      if (result.run > 0) {
        logs.begin(runner.key);
        logs.finish(runner.key, lengthsOf(result));
      }
      return;
    }
    const bootId = assignment === undefined ? undefined : entry?.bootId;
    const observation = await supervisor.observe(runner.key);
    // Hello waits for the ends that are known already, not for runs that live.
    const adopted = Promise.withResolvers<void>();
    tasks.run(`adopt ${attemptId}`, async (signal) => {
      const adopting = runner.adopt(observation, bootId, signal);
      if (observation.kind === 'running') adopted.resolve();
      await adopting
        .finally(() => adopted.resolve())
        .catch((error: unknown) => {
          signal.throwIfAborted();
          return runner.goOnAfter(AppError.from(error), signal);
        });
    });
    await adopted.promise;
  }

  held(): readonly HeldAttempt[] {
    return [...this.#runners.values()].map((runner) => {
      const { attemptId, run, state } = runner.status;
      const outputs = run > 0 ? this.#deps.logs.held(runner.key) : [];
      return create(HeldAttemptSchema, { attemptId, run, state, outputs });
    });
  }

  verdict(verdict: AttemptVerdict): void {
    const { attemptId } = verdict;
    if (verdict.verdict === Verdict.STOP) this.stop(attemptId, verdict.stoppedBy);
    else if (verdict.verdict === Verdict.FORGET) this.forget([attemptId]);
    else {
      const runner = this.#runners.get(attemptId);
      if (runner !== undefined && runner.result === undefined) this.#deps.statuses.report(runner.status);
    }
  }

  complete(assignments: readonly Assignment[]): void {
    for (const assignment of assignments) {
      if (!this.#runners.has(assignment.attemptId)) this.#begin(assignment, assignment.stop?.stoppedBy);
      else if (assignment.stop !== undefined) this.stop(assignment.attemptId, assignment.stop.stoppedBy);
    }
  }

  offer(assignment: Assignment, reply: (reply: OfferReply) => void): void {
    const { freeSpace, maxAttempts, driverKinds, tasks } = this.#deps;
    const { attemptId } = assignment;
    asAttemptId(attemptId);
    if (this.#runners.has(attemptId)) {
      reply({ kind: 'accepted' });
      return;
    }
    const { active } = this;
    this.#offers.set(attemptId, assignment);
    tasks.run(`offer ${attemptId}`, async () => {
      const room = { draining: this.#draining, active, maxAttempts, drivers: driverKinds };
      const answer = admitAttempt(assignment.spec, { ...room, freeBytes: await freeSpace.freeBytes() });
      // Withdrawn, or of an ended session, meanwhile.
      if (this.#offers.get(attemptId) !== assignment) return;
      if (answer.kind === 'accepted') {
        reply(answer);
        return;
      }
      this.#offers.delete(attemptId);
      const { reason, message } = answer;
      reply({ kind: 'refused', refused: create(RefusedSchema, { reason: { reason, message } }) });
    });
  }

  withdraw(attemptId: string): void {
    this.#offers.delete(attemptId);
  }

  start(attemptId: string): 'known' | 'not_offered' {
    if (this.#runners.has(attemptId)) return 'known';
    const assignment = this.#offers.get(attemptId);
    if (assignment === undefined) return 'not_offered';
    this.#offers.delete(attemptId);
    this.#begin(assignment);
    return 'known';
  }

  stop(attemptId: string, stoppedBy: StoppedBy): void {
    const runner = this.#runners.get(attemptId);
    if (runner === undefined) {
      this.#offers.delete(attemptId);
      return;
    }
    this.#deps.tasks.run(`stop ${attemptId}`, (signal) => runner.stop(stoppedBy, signal));
  }

  forget(attemptIds: readonly string[]): void {
    for (const attemptId of attemptIds) {
      const runner = this.#runners.get(attemptId);
      if (runner === undefined) continue;
      if (runner.phase.kind !== 'finished') {
        this.#deps.logger.error({ attempt: attemptId }, 'asked to forget an attempt that still runs; it is kept');
        continue;
      }
      this.#runners.delete(attemptId);
      this.#deps.tasks.run(`forget ${attemptId}`, () => this.#delete(runner));
    }
  }

  setDraining(draining: boolean): void {
    this.#draining = draining;
  }

  sessionEnded(): void {
    this.#offers.clear();
  }

  #begin(assignment: Assignment, stop?: StoppedBy): void {
    const attemptId = asAttemptId(assignment.attemptId);
    const runner = new JobRunner(this.#deps, attemptId, assignment, stop);
    this.#runners.set(attemptId, runner);
    this.#deps.tasks.run(`attempt ${attemptId}`, (signal) => runner.run(signal));
  }

  /** The ledger last: what is left after a crash in between is deleted when the orchestrator repeats itself. */
  async #delete(runner: JobRunner): Promise<void> {
    const { statuses, logs, supervisor, disk, workPath, ledger, logger } = this.#deps;
    const { attemptId, key } = runner;
    statuses.drop(attemptId);
    logs.remove(key);
    try {
      await supervisor.remove(key);
      await removeWorkDirectory(disk, workPath, attemptId);
    } catch (error) {
      logger.warn({ attempt: attemptId, reason: errorChain(error) }, 'files of a forgotten attempt are left behind');
    }
    await ledger.recordForgotten(attemptId);
  }
}

function decodeAssignment(bytes: Uint8Array): Assignment | undefined {
  try {
    return fromBinary(AssignmentSchema, bytes);
  } catch {
    return undefined;
  }
}

function decodeStatus(bytes: Uint8Array): AttemptStatus | undefined {
  try {
    return fromBinary(AttemptStatusSchema, bytes);
  } catch {
    return undefined;
  }
}

function lengthsOf(status: AttemptStatus): { stdout: number; stderr: number } {
  const of = (stream: OutputStream): number =>
    Number(status.streamLengths.find((each) => each.stream === stream)?.lengthBytes ?? 0n);
  return { stdout: of(OutputStream.STDOUT), stderr: of(OutputStream.STDERR) };
}
