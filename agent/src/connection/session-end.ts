/** Why a session ended, for the connection loop's next wait and for the log. */
import type { AppError } from '@muster/common/errors/app-error';
import { GoodbyeReason } from '@muster/gen/muster/agent/v1/session_pb';

/** Why a session ended. */
export type SessionEnd =
  /** The agent ends. */
  | { readonly kind: 'stopped' }
  /** We said goodbye. */
  | { readonly kind: 'we_left'; readonly reason: GoodbyeReason; readonly message: string }
  /** The orchestrator said goodbye. */
  | {
      readonly kind: 'they_left';
      readonly reason: GoodbyeReason;
      readonly message: string;
      readonly retryAfterMs: number | undefined;
    }
  /** The stream broke, or the other side broke a rule. */
  | { readonly kind: 'broken'; readonly failure: AppError };

/** How long not to come back, as the end itself says; undefined: as the backoff says. */
export function retryAfterMs(end: SessionEnd): number | undefined {
  if (end.kind === 'they_left') return end.retryAfterMs;
  return end.kind === 'broken' ? end.failure.retryAfterMs : undefined;
}

/** The end in a sentence. */
export function describeEnd(end: SessionEnd): string {
  switch (end.kind) {
    case 'stopped':
      return 'the agent ends';
    case 'we_left':
      return `left (${GoodbyeReason[end.reason]}): ${end.message}`;
    case 'they_left':
      return `the orchestrator ended the session (${GoodbyeReason[end.reason]}): ${end.message}`;
    case 'broken':
      return end.failure.message;
  }
}
