/** `muster token revoke`. */
import { AccessService, JoinTokenSchema } from '@muster/gen/muster/control/v1/access_service_pb';
import type { Command } from '../context.ts';
import { cellText } from '../output/terminal-safe.ts';
import { showJson } from '../show/json.ts';

/** The command. */
export const tokenRevoke: Command = async ({ args, options }, context) => {
  const format = options.outputFormat();
  const joinTokenId = args[0] ?? '';
  using door = await context.open(options);
  const { joinToken } = await door.client(AccessService).revokeJoinToken({ joinTokenId }, { signal: context.signal });
  if (format === 'json' && joinToken !== undefined) await context.stdout.write(showJson(JoinTokenSchema, joinToken));
  else await context.stdout.write(`join token ${cellText(joinTokenId)} is revoked\n`);
  return 0;
};
