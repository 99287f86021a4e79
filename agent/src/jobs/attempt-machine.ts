/**
 * Where an attempt stands on its node. Pure and total.
 *
 *   start_allowed --preparing--> preparing --claimed--> running --stop_asked--> stopping
 *         |  \______________________|_________________\    |                      |
 *         |           (claimed, when an earlier agent     |                      |
 *         |            started it)                        |                      |
 *         \----------------\------------ finished --------\------> finished <----/
 *
 * A stop that comes before the claim is remembered: the claim is then made as "never", or, if it was faster, the run is
 * stopped at once. Events that come late or twice are ignored; each with its reason.
 */
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { StoppedBy } from '@muster/gen/muster/job/v1/status_pb';

/** The states. */
export type AttemptPhase =
  | { readonly kind: 'start_allowed'; readonly stop: StoppedBy | undefined }
  | { readonly kind: 'preparing'; readonly stop: StoppedBy | undefined }
  | { readonly kind: 'running'; readonly pid: number; readonly startedAtMs: number }
  | { readonly kind: 'stopping'; readonly pid: number; readonly startedAtMs: number; readonly stop: StoppedBy }
  | { readonly kind: 'finished'; readonly stop: StoppedBy | undefined };

/** What happens to an attempt. */
export type AttemptEvent =
  | { readonly kind: 'preparing' }
  /** Its run has begun, now or under an earlier agent. */
  | { readonly kind: 'claimed'; readonly pid: number; readonly startedAtMs: number }
  | { readonly kind: 'stop_asked'; readonly stoppedBy: StoppedBy }
  /** How it ended is known. */
  | { readonly kind: 'finished' };

/** What an event came to. */
export type AttemptStep =
  | { readonly kind: 'moved'; readonly phase: AttemptPhase }
  | { readonly kind: 'ignored'; readonly reason: string };

/** The state after an event. */
export function stepAttempt(phase: AttemptPhase, event: AttemptEvent): AttemptStep {
  switch (event.kind) {
    case 'preparing':
      if (phase.kind === 'start_allowed') return moved({ kind: 'preparing', stop: phase.stop });
      return ignored(phase, event);
    case 'claimed':
      if (phase.kind !== 'start_allowed' && phase.kind !== 'preparing') return ignored(phase, event);
      return moved(begun(event.pid, event.startedAtMs, phase.stop));
    case 'stop_asked':
      return stopAsked(phase, event);
    case 'finished':
      if (phase.kind === 'finished') return ignored(phase, event);
      return moved({ kind: 'finished', stop: phase.kind === 'running' ? undefined : phase.stop });
    default:
      return assertNever(event);
  }
}

function stopAsked(phase: AttemptPhase, event: Extract<AttemptEvent, { kind: 'stop_asked' }>): AttemptStep {
  switch (phase.kind) {
    case 'start_allowed':
    case 'preparing':
      if (phase.stop !== undefined) return ignored(phase, event);
      return moved({ kind: phase.kind, stop: event.stoppedBy });
    case 'running':
      return moved(begun(phase.pid, phase.startedAtMs, event.stoppedBy));
    case 'stopping':
    case 'finished':
      return ignored(phase, event);
    default:
      return assertNever(phase);
  }
}

function begun(pid: number, startedAtMs: number, stop: StoppedBy | undefined): AttemptPhase {
  return stop === undefined ? { kind: 'running', pid, startedAtMs } : { kind: 'stopping', pid, startedAtMs, stop };
}

function moved(phase: AttemptPhase): AttemptStep {
  return { kind: 'moved', phase };
}

function ignored(phase: AttemptPhase, event: AttemptEvent): AttemptStep {
  return { kind: 'ignored', reason: `${event.kind} while ${phase.kind}` };
}
