// The one place that lets calls in. It runs when the headers are there and before any of the body is read, so a stranger
// can make us do no more than look at a header.
import type { HandlerContext } from '@connectrpc/connect';
import { AppError } from '@muster/common/errors/app-error';
import type { ApiKeys, Principal } from '../access/api-keys.ts';
import { principalKey } from './call-context.ts';
import { type LeastRole, methodName, suffices } from './method-roles.ts';

/** What everybody without a good key is told, whatever is wrong with it. */
export const NO_KEY =
  'no valid API key: send the header `authorization: Bearer <key>`; the muster command takes it from MUSTER_TOKEN or MUSTER_TOKEN_FILE';

/** How a call fared at the gate. */
export type Admission =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'refused'; readonly error: AppError; readonly reason: string };

/** What the gate needs. */
export interface AuthGateDeps {
  readonly keys: Pick<ApiKeys, 'authenticate'>;
  readonly roles: ReadonlyMap<string, LeastRole>;
}

/** Judges a call and notes who calls. Store failures are thrown. */
export async function admit(deps: AuthGateDeps, context: HandlerContext): Promise<Admission> {
  const name = methodName(context.method);
  const least = deps.roles.get(name);
  // Not reached: the server does not start with such a method. Refusing is the safe answer all the same.
  if (least === undefined)
    return refused(new AppError('permission_denied', `${name} may not be called`), 'no least role');
  if (least === 'anonymous') return { kind: 'admitted' };
  const answer = await deps.keys.authenticate(context.requestHeader.get('authorization') ?? undefined);
  if (answer.kind === 'refused') return refused(new AppError('unauthenticated', NO_KEY), answer.reason);
  context.values.set(principalKey, answer.principal);
  return suffices(answer.principal.role, least) ? { kind: 'admitted' } : insufficient(answer.principal, name, least);
}

function insufficient(principal: Principal, name: string, least: LeastRole): Admission {
  const text = `role ${principal.role} may not call ${name}, it needs ${least}`;
  return refused(new AppError('permission_denied', text), 'role');
}

function refused(error: AppError, reason: string): Admission {
  return { kind: 'refused', error, reason };
}
