// Who may call what: read from the contract, where each method of ours names its least role, and checked at start. gRPC's
// own services carry no such option, so theirs stand here: health is for load balancers that have no key; reflection tells
// what the contract says and no more, but to those who may read.
import { type DescMethod, type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import { AppError } from '@muster/common/errors/app-error';
import { least_role, Role } from '@muster/gen/muster/control/v1/role_pb';
import type { KeyRole } from '../access/access-store.ts';
import { keyRoleOf } from './key-role.ts';

const foreignServices: ReadonlyMap<string, Role> = new Map([
  ['grpc.health.v1.Health', Role.ANONYMOUS],
  ['grpc.reflection.v1.ServerReflection', Role.VIEWER],
  ['grpc.reflection.v1alpha.ServerReflection', Role.VIEWER],
]);

/** The least role of a method; 'anonymous' needs no key. */
export type LeastRole = 'anonymous' | KeyRole;

/** Full name of a method, `muster.control.v1.JobService/GetJob`, as errors and logs show it. */
export function methodName(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

/**
 * The least role of every method of the services, by its full name.
 * @throws AppError internal naming every method that has none: such a server must not start
 */
export function leastRoles(services: readonly DescService[]): ReadonlyMap<string, LeastRole> {
  const roles = new Map<string, LeastRole>();
  const without: string[] = [];
  for (const method of services.flatMap((service) => service.methods)) {
    const role = leastRoleOf(method);
    if (role === undefined) without.push(methodName(method));
    else roles.set(methodName(method), role);
  }
  if (without.length === 0) return roles;
  throw new AppError('internal', `these methods have no least_role in the contract: ${without.join(', ')}`);
}

/** Whether a role suffices. */
export function suffices(role: KeyRole, least: LeastRole): boolean {
  return rankOf(role) >= rankOf(least);
}

function leastRoleOf(method: DescMethod): LeastRole | undefined {
  const role = hasOption(method, least_role)
    ? getOption(method, least_role)
    : foreignServices.get(method.parent.typeName);
  return role === Role.ANONYMOUS ? 'anonymous' : keyRoleOf(role);
}

function rankOf(role: LeastRole): number {
  return ['anonymous', 'viewer', 'operator', 'admin'].indexOf(role);
}
