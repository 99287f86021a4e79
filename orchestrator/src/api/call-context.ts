// What the control door knows about a call beside its message.
import { type ContextValues, createContextKey } from '@connectrpc/connect';
import { AppError } from '@muster/common/errors/app-error';
import type { Principal } from '../access/api-keys.ts';

/** Where the call came from, an IP address. Empty where the connection is already gone. */
export const addressKey = createContextKey<string>('', { description: 'address of the caller' });

/** Who calls; undefined for methods that need no key. Set by the gate alone. */
export const principalKey = createContextKey<Principal | undefined>(undefined, { description: 'who calls' });

/** Who calls a method that needs a key. */
export function principalOf(values: ContextValues): Principal {
  const principal = values.get(principalKey);
  if (principal === undefined) throw new AppError('internal', 'a method that needs a key was called without one');
  return principal;
}
