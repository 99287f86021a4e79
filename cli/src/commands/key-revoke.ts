/** `muster key revoke`. */
import { AccessService, ApiKeySchema } from '@muster/gen/muster/control/v1/access_service_pb';
import type { Command } from '../context.ts';
import { cellText } from '../output/terminal-safe.ts';
import { showJson } from '../show/json.ts';

/** The command. */
export const keyRevoke: Command = async ({ args, options }, context) => {
  const format = options.outputFormat();
  const apiKeyId = args[0] ?? '';
  using door = await context.open(options);
  const { apiKey } = await door.client(AccessService).revokeApiKey({ apiKeyId }, { signal: context.signal });
  if (format === 'json' && apiKey !== undefined) await context.stdout.write(showJson(ApiKeySchema, apiKey));
  else await context.stdout.write(`API key ${cellText(apiKeyId)} is revoked\n`);
  return 0;
};
