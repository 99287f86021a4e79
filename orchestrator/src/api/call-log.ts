// One line per call: what was called, by whom, how it ended and how long it took. Never what was in it.
import { Code, type ConnectError, type ContextValues } from '@connectrpc/connect';
import type { Logger } from '@muster/common/logging/logger';
import { addressKey, principalKey } from './call-context.ts';

/** A call that is over. */
export interface EndedCall {
  readonly method: string;
  readonly values: ContextValues;
  readonly ms: number;
  /** Unset: it ended well. */
  readonly error?: ConnectError;
  /** More than the caller was told. */
  readonly reason?: string;
}

/** Writes the line: quiet for calls that ended well or were given up by the caller. */
export function logCall(logger: Logger, call: EndedCall): void {
  const code = call.error === undefined ? 'ok' : Code[call.error.code];
  const fields = {
    method: call.method,
    code,
    ms: Math.round(call.ms * 10) / 10,
    caller: call.values.get(principalKey)?.name,
    address: call.values.get(addressKey),
    ...(call.reason === undefined ? {} : { reason: call.reason }),
    ...(call.error === undefined ? {} : { message: call.error.rawMessage }),
  };
  if (call.error === undefined || call.error.code === Code.Canceled) logger.debug(fields, 'call');
  else logger.info(fields, 'call failed');
}
