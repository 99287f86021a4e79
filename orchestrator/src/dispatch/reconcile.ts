// What to do with each attempt when a node says hello: a pure comparison of what it holds with what the store knows.
//
//   held by the node | in the store            | same ledger and boot | verdict
//   -----------------+-------------------------+----------------------+------------------------------------------------------------
//   yes              | unknown                 | any                  | keep; foreign
//   yes              | settled                 | any                  | forget
//   yes              | ended, log not complete | any                  | keep: the rest of the log comes
//   yes              | may run                 | any                  | keep (stop where one was asked for); the node says what became of it
//   no               | start_allowed           | yes                  | in COMPLETE: it never got there, and is started now
//   no               | further on              | yes                  | lost (ledger_changed): it began and the node no longer knows it
//   no               | may run                 | no                   | lost (node_rebooted or ledger_changed): it may have begun
//   no               | ended, log not complete | any                  | its log ends here
import type { AttemptId, LedgerId } from '@muster/common/ids/ids';
import type { LostReason, StopReason } from '../domain/job.ts';
import type { UnsettledAttempt } from '../jobs/job-store.ts';
import type { HeldAttempt } from '../sessions/session-ports.ts';
import { isActive } from './attempt-book.ts';

/** Who says hello. */
export interface HelloIdentity {
  readonly ledgerId: LedgerId;
  readonly bootId: string;
}

/** What the store knows about the attempts that were held. */
export type Known = 'unknown' | 'settled' | 'unsettled';

/** The outcome, in lists that dispatch carries out. */
export interface ReconcilePlan {
  readonly keep: readonly AttemptId[];
  readonly stop: readonly { readonly attemptId: AttemptId; readonly stoppedBy: StopReason }[];
  readonly forget: readonly AttemptId[];
  readonly foreign: readonly AttemptId[];
  /** For COMPLETE: may be started, or runs. */
  readonly complete: readonly UnsettledAttempt[];
  readonly lost: readonly { readonly attemptId: AttemptId; readonly reason: LostReason; readonly message: string }[];
  /** Ended attempts whose log gets no more bytes. */
  readonly endLogs: readonly AttemptId[];
}

/** Compares. `known` answers for every held attempt that is not in `unsettled`. */
export function reconcile(
  hello: HelloIdentity,
  held: readonly HeldAttempt[],
  unsettled: readonly UnsettledAttempt[],
  known: (id: AttemptId) => Known,
): ReconcilePlan {
  const plan = emptyPlan();
  const stored = new Map(unsettled.map((each) => [each.attempt.id, each]));
  const heldIds = new Set(held.map((each) => each.attemptId));
  for (const id of heldIds) judgeHeld(plan, id, stored.get(id), known);
  for (const entry of unsettled) if (!heldIds.has(entry.attempt.id)) judgeMissing(plan, hello, entry);
  return plan;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };

function emptyPlan(): Mutable<ReconcilePlan> {
  return { keep: [], stop: [], forget: [], foreign: [], complete: [], lost: [], endLogs: [] };
}

function judgeHeld(
  plan: Mutable<ReconcilePlan>,
  id: AttemptId,
  entry: UnsettledAttempt | undefined,
  known: (id: AttemptId) => Known,
): void {
  if (entry === undefined) {
    if (known(id) === 'settled') plan.forget.push(id);
    else {
      plan.keep.push(id);
      plan.foreign.push(id);
    }
    return;
  }
  const { attempt } = entry;
  if (!isActive(attempt)) {
    plan.keep.push(id);
    return;
  }
  plan.complete.push(entry);
  if (attempt.stopRequested === undefined) plan.keep.push(id);
  else plan.stop.push({ attemptId: id, stoppedBy: attempt.stopRequested });
}

function judgeMissing(plan: Mutable<ReconcilePlan>, hello: HelloIdentity, entry: UnsettledAttempt): void {
  const { attempt } = entry;
  if (!isActive(attempt)) {
    plan.endLogs.push(attempt.id);
    return;
  }
  const lost = whyLost(hello, entry);
  if (lost === undefined) plan.complete.push(entry);
  else plan.lost.push({ attemptId: attempt.id, ...lost });
}

function whyLost(
  hello: HelloIdentity,
  { attempt }: UnsettledAttempt,
): { reason: LostReason; message: string } | undefined {
  if (attempt.ledgerId !== hello.ledgerId) {
    return {
      reason: 'ledger_changed',
      message: 'the node came back with another state directory, so nobody can say whether it ran',
    };
  }
  if (attempt.bootId !== hello.bootId) {
    return {
      reason: 'node_rebooted',
      message: 'the node restarted and no longer knows it, so nobody can say whether it ran',
    };
  }
  if (attempt.state.kind === 'start_allowed') return undefined;
  return { reason: 'ledger_changed', message: 'it had begun, and the node no longer has it in its ledger' };
}
