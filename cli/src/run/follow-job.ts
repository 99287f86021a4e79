/**
 * Follows a job from submission to the point where its result is known and its output is complete. Watching and
 * reading run side by side on one connection; Ctrl-C is given to the interrupt machine.
 */
import { type Clock, withDeadline } from '@muster/common/clock/clock';
import type { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import type { Job } from '@muster/gen/muster/job/v1/status_pb';
import type { ServiceClient } from '../client/control-door.ts';
import { adviceOn } from '../client/failure.ts';
import type { Interrupts } from '../context.ts';
import { copyLogs } from './copy-logs.ts';
import { type FollowState, onFollowEvent } from './interrupt-machine.ts';
import type { Link } from './link.ts';
import { LogPositions } from './log-positions.ts';
import type { LogSink } from './log-sink.ts';
import { makeNarrator } from './narrator.ts';
import { orAborted } from './or-aborted.ts';
import { watchUntilEnded } from './watch-job.ts';

/**
 * How long output may stand still once the result is known before we name what is missing and return: three missed
 * heartbeats of the default 10 s, after which the orchestrator itself calls the node unreachable.
 */
export const QUIET_OUTPUT_MS = 30_000;

/** What following needs. */
export interface FollowDeps {
  readonly jobs: ServiceClient<typeof JobService>;
  readonly link: Link;
  readonly clock: Clock;
  /** The control door's address, for advice. */
  readonly url: string;
  readonly interrupts: Interrupts;
  readonly sink: LogSink;
  /** Writes one line for the user. */
  readonly note: (line: string) => Promise<void>;
}

/** What became of it. */
export type FollowResult =
  /** The result is known. `missing`: sentences about output that did not come; empty: it is complete. */
  | { readonly kind: 'ended'; readonly job: Job; readonly missing: readonly string[] }
  /** The user left the job to itself. */
  | { readonly kind: 'left' };

/** Follows the job. Abort ends it without touching the job. */
export async function followJob(deps: FollowDeps, jobId: string, signal: AbortSignal): Promise<FollowResult> {
  const leaving = new AbortController();
  const following = AbortSignal.any([signal, leaving.signal]);
  const cancels: Promise<void>[] = [];
  let state: FollowState = 'following';
  const interrupt = (): void => {
    const next = onFollowEvent(state, 'interrupt');
    state = next.state;
    if (next.effect === 'cancel_job') cancels.push(cancelJob(deps, jobId, following));
    if (next.effect === 'leave_job') leaving.abort();
  };
  using _listening = deps.interrupts.listen(interrupt);
  try {
    const result = await watchAndCopy(deps, jobId, following);
    await orAborted(deps.sink.finish(), following);
    state = onFollowEvent(state, 'ended').state;
    leaving.abort();
    return result;
  } catch (error) {
    if (state !== 'left') throw error;
    return { kind: 'left' };
  } finally {
    leaving.abort();
    await Promise.all(cancels);
    // Begun lines of a job that we leave; nothing after a finish that was done. A reader that stands still gets none.
    if (state !== 'ended') await finishBriefly(deps);
  }
}

/** Long enough for any reader that reads at all. */
const FINISH_MS = 250;

async function finishBriefly({ sink, clock }: FollowDeps): Promise<void> {
  using limit = withDeadline(clock, FINISH_MS, new AbortController().signal);
  await orAborted(sink.finish(), limit.signal).catch(() => {});
}

async function watchAndCopy(deps: FollowDeps, jobId: string, signal: AbortSignal): Promise<FollowResult> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const positions = new LogPositions();
  using narrator = makeNarrator(deps.clock, deps.note);
  // A failure of one ends the other, and is what the user is told.
  const endsBoth = (error: unknown): never => {
    ending.abort(error);
    throw error;
  };
  const sink = observedSink(deps.sink);
  const copying = copyLogs({ ...deps, sink, positions }, { jobId, follow: true }, both).catch(endsBoth);
  const watching = watchUntilEnded(deps, jobId, narrator.see, both).catch(endsBoth);
  // Both are waited for before anything is thrown, so that nothing of them lives on.
  const settled = Promise.allSettled([copying, watching]);
  try {
    const job = await watching;
    const isComplete = await outputEnded(deps.clock, copying, positions, sink, both);
    if (isComplete) return { kind: 'ended', job: await newest(deps, jobId, job, signal), missing: missing(positions) };
    return { kind: 'ended', job, missing: [...missing(positions), ...unread(positions, job)] };
  } finally {
    ending.abort();
    await settled;
  }
}

/** The sink, and whether it waits for whoever reads our output. */
function observedSink(inner: LogSink): LogSink & { readonly isWriting: boolean } {
  let writes = 0;
  return {
    ...inner,
    get isWriting() {
      return writes > 0;
    },
    async write(source, stream, bytes) {
      writes += 1;
      await inner.write(source, stream, bytes).finally(() => {
        writes -= 1;
      });
    },
  };
}

/**
 * Waits for the end of the output as long as it moves; false: it stood still. Output that waits for our own reader (a
 * pager, a stopped terminal) does not stand still: nothing of it may be left out.
 */
async function outputEnded(
  clock: Clock,
  copying: Promise<void>,
  positions: LogPositions,
  sink: { readonly isWriting: boolean },
  signal: AbortSignal,
): Promise<boolean> {
  const done = copying.then(() => true);
  // Where we give up, nobody waits for it any more.
  done.catch(() => {});
  for (;;) {
    const before = positions.progress;
    const pause = new AbortController();
    const quiet = clock.sleep(QUIET_OUTPUT_MS, AbortSignal.any([signal, pause.signal])).then(() => false);
    try {
      if (await Promise.race([done, quiet])) return true;
    } finally {
      pause.abort();
      await quiet.catch(() => {});
    }
    if (positions.progress === before && !sink.isWriting) return false;
  }
}

/** The job once more: its stream totals are final only when the output is complete. */
async function newest(deps: FollowDeps, jobId: string, known: Job, signal: AbortSignal): Promise<Job> {
  const isFinal = known.tasks.every((task) => task.attempts.every((each) => each.streams.every((s) => s.complete)));
  if (isFinal) return known;
  return deps.link.keep(async () => (await deps.jobs.getJob({ jobId }, { signal })).job ?? known, signal);
}

function missing(positions: LogPositions): string[] {
  return [...positions.gaps(), ...positions.incomplete()];
}

function unread(positions: LogPositions, job: Job): string[] {
  const sentences = positions.unread(job);
  return sentences.length === 0 ? ['the end of the output has not arrived'] : sentences;
}

/** Asks for the job's end until the orchestrator has heard it. A refusal is told, and following goes on. */
async function cancelJob(deps: FollowDeps, jobId: string, signal: AbortSignal): Promise<void> {
  try {
    await deps.note('cancelling; Ctrl-C again leaves the job to itself');
    await deps.link.keep(() => deps.jobs.cancelJob({ jobId }, { signal }), signal);
  } catch (error) {
    if (signal.aborted) return;
    await deps.note(`the job can not be cancelled: ${adviceOn(error, deps.url)}`);
  }
}
