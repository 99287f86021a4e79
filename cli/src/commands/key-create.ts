/** `muster key create`: prints the key alone, so that it can be put into a file. */
import { AccessService, CreateApiKeyResponseSchema } from '@muster/gen/muster/control/v1/access_service_pb';
import { Role, RoleSchema } from '@muster/gen/muster/control/v1/role_pb';
import type { Command } from '../context.ts';
import { UsageError } from '../program/options.ts';
import { enumName } from '../show/enum-name.ts';
import { showJson } from '../show/json.ts';
import { hint } from './notes.ts';

/** The roles that a key may have. */
const ROLES = [Role.VIEWER, Role.OPERATOR, Role.ADMIN];

/** The command. */
export const keyCreate: Command = async ({ args, options }, context) => {
  const format = options.outputFormat();
  const role = roleOf(options.text('role') ?? '');
  using door = await context.open(options);
  const response = await door
    .client(AccessService)
    .createApiKey({ name: args[0] ?? '', role }, { signal: context.signal });
  if (format === 'json') {
    await context.stdout.write(showJson(CreateApiKeyResponseSchema, response));
    return 0;
  }
  await context.stdout.write(`${response.key}\n`);
  await hint(context, `key ${response.apiKey?.id ?? '-'} for ${enumName(RoleSchema, role)}. It is shown this once`);
  return 0;
};

function roleOf(text: string): Role {
  const role = ROLES.find((each) => enumName(RoleSchema, each) === text);
  if (role !== undefined) return role;
  const known = ROLES.map((each) => enumName(RoleSchema, each)).join(', ');
  throw new UsageError(`--role: unknown role ${JSON.stringify(text)}; known: ${known}`);
}
