// Roles of keys in the contract's numbers and in our words.
import { Role } from '@muster/gen/muster/control/v1/role_pb';
import { type KeyRole, keyRoles } from '../access/access-store.ts';

const wireRoles: Readonly<Record<KeyRole, Role>> = {
  viewer: Role.VIEWER,
  operator: Role.OPERATOR,
  admin: Role.ADMIN,
};

export function roleToWire(role: KeyRole): Role {
  return wireRoles[role];
}

/** Undefined: no key can have it. */
export function keyRoleOf(role: Role | undefined): KeyRole | undefined {
  return keyRoles.find((each) => wireRoles[each] === role);
}
