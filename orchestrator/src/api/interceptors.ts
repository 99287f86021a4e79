// What surrounds every call that the gate let in: failures become statuses, the end is logged, and an open stream ends when
// its caller's key is revoked or the door closes.
import { ConnectError, type ContextValues, type Interceptor } from '@connectrpc/connect';
import type { Clock } from '@muster/common/clock/clock';
import { toConnectError } from '@muster/common/errors/connect-status';
import type { ReportIncident } from '@muster/common/errors/wire-details';
import type { Logger } from '@muster/common/logging/logger';
import { principalKey } from './call-context.ts';
import { logCall } from './call-log.ts';
import { methodName } from './method-roles.ts';

/** What they need. */
export interface InterceptorDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly report: ReportIncident;
  /** Aborts, with what callers are told, when the door closes. */
  readonly ending: AbortSignal;
}

type End = (thrown?: unknown) => ConnectError | undefined;

/** The interceptor of the control door. */
export function callInterceptor(deps: InterceptorDeps): Interceptor {
  return (next) => async (request) => {
    const end = endOf(deps, methodName(request.method), request.contextValues);
    try {
      const response = await next(request);
      if (!response.stream) {
        end();
        return response;
      }
      const revoked = request.contextValues.get(principalKey)?.revoked;
      const signals = revoked === undefined ? [deps.ending] : [deps.ending, revoked];
      return { ...response, message: watched(endedBy(signals, response.message), end) };
    } catch (error) {
      throw end(error);
    }
  };
}

/** Logs a call's end once, and gives what the caller is told. */
function endOf(deps: InterceptorDeps, method: string, values: ContextValues): End {
  const startMs = deps.clock.monotonicMs();
  let over = false;
  return (thrown) => {
    const error = thrown === undefined ? undefined : shown(thrown, deps.report);
    if (!over) {
      over = true;
      const ms = deps.clock.monotonicMs() - startMs;
      logCall(deps.logger, { method, values, ms, ...(error === undefined ? {} : { error }) });
    }
    return error;
  };
}

/** Connect's own errors (a message too large, a shutdown) are statuses already. */
function shown(thrown: unknown, report: ReportIncident): ConnectError {
  return thrown instanceof ConnectError ? thrown : toConnectError(thrown, report);
}

async function* watched<T>(messages: AsyncIterable<T>, end: End): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw end(error);
  } finally {
    // Also when the reader leaves early; after a failure this does nothing more.
    end();
  }
}

async function* endedBy<T>(signals: readonly AbortSignal[], messages: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  // No Promise.race with a promise that lives as long as the stream: it would keep every message that was ever sent.
  let giveUp = (_reason: unknown): void => undefined;
  const onAbort = (): void => giveUp(signals.find((signal) => signal.aborted)?.reason);
  for (const signal of signals) signal.addEventListener('abort', onAbort);
  try {
    for (;;) {
      const result = await new Promise<IteratorResult<T>>((resolve, reject) => {
        giveUp = reject;
        if (signals.some((signal) => signal.aborted)) onAbort();
        else iterator.next().then(resolve, reject);
      });
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
    // Not waited for: a handler that waits for news ends by its own signal, which our end aborts.
    void iterator.return?.().catch(() => undefined);
  }
}
