/**
 * Asking a cloud's metadata service. All three listen at the same link-local address; which cloud it is shows in the
 * answers only. A machine in no cloud mostly gets no answer at all, which looks like a network that is not up yet.
 */
import type { Clock } from '@muster/common/clock/clock';
import { withDeadline } from '@muster/common/clock/clock';
import { errnoOf, isAppError } from '@muster/common/errors/app-error';
import type { CloudInstance } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { askHttp, type HttpAnswer, type HttpQuestion } from './ask-http.ts';

/** What asking one cloud came to. */
export type CloudAnswer =
  | { readonly kind: 'here'; readonly instance: CloudInstance }
  /** Somebody answered or refused: we are not in this cloud. */
  | { readonly kind: 'elsewhere' }
  /** Nobody answered in time, or there was no way to ask. */
  | { readonly kind: 'no_answer' };

/** Asks one cloud at a base address. Rejects with the signal's reason when aborted, and never else. */
export type AskCloud = (base: string, clock: Clock, signal: AbortSignal) => Promise<CloudAnswer>;

/** Sends one request to the metadata service and gives back the body; undefined for any status but 200. */
export type AskMetadata = (
  path: string,
  headers: Readonly<Record<string, string>>,
  options?: { readonly method?: 'GET' | 'PUT'; readonly accept?: (answer: HttpAnswer) => boolean },
) => Promise<string | undefined>;

/** The service is one hop away, on the host under the virtual machine: connecting takes well under a millisecond. */
const CONNECT_TIMEOUT_MS = 300;
/** For all questions to one cloud together. */
const TOTAL_TIMEOUT_MS = 1_000;

/** Where there is no network yet, or packets are dropped. */
const silentErrnos: ReadonlySet<string | undefined> = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN']);

/** Makes an asker of what one cloud wants to be asked: `find` gets a way to ask and returns the instance, if it is one. */
export function makeAskCloud(find: (ask: AskMetadata) => Promise<CloudInstance | undefined>): AskCloud {
  return async (base, clock, signal) => {
    using deadline = withDeadline(clock, TOTAL_TIMEOUT_MS, signal);
    const ask: AskMetadata = async (path, headers, { method = 'GET', accept = () => true } = {}) => {
      const question: HttpQuestion = { to: { base }, path, method, headers, connectTimeoutMs: CONNECT_TIMEOUT_MS };
      const answer = await askHttp(question, clock, deadline.signal);
      return answer.status === 200 && accept(answer) ? answer.body : undefined;
    };
    try {
      const instance = await find(ask);
      return instance === undefined ? { kind: 'elsewhere' } : { kind: 'here', instance };
    } catch (error) {
      signal.throwIfAborted();
      const silent = isAppError(error, 'deadline_exceeded') || silentErrnos.has(errnoOf(error));
      return { kind: silent ? 'no_answer' : 'elsewhere' };
    }
  };
}
