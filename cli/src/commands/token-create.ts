/** `muster token create`: prints the token alone, so that it can be put into a file. */
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { AccessService, CreateJoinTokenResponseSchema } from '@muster/gen/muster/control/v1/access_service_pb';
import type { Command } from '../context.ts';
import { parseLabels } from '../input/labels.ts';
import type { Options } from '../program/options.ts';
import { showJson } from '../show/json.ts';
import { showTime } from '../show/moment.ts';
import { hint } from './notes.ts';

/** The command. */
export const tokenCreate: Command = async ({ options }, context) => {
  const format = options.outputFormat();
  const ttlMs = options.durationMs('ttl');
  const request = {
    ...usesOf(options),
    ...(ttlMs === undefined ? {} : { timeToLive: durationFromMs(ttlMs) }),
    labels: parseLabels(options.texts('label')),
  };
  using door = await context.open(options);
  const response = await door.client(AccessService).createJoinToken(request, { signal: context.signal });
  if (format === 'json') {
    await context.stdout.write(showJson(CreateJoinTokenResponseSchema, response));
    return 0;
  }
  await context.stdout.write(`${response.token}\n`);
  const made = response.joinToken;
  const uses = made?.usesLeft === undefined ? 'any number of machines' : `${made.usesLeft} machine(s)`;
  await hint(
    context,
    `for ${uses}, until ${showTime(made?.expiresTime)}; id ${made?.id ?? '-'}. It is shown this once`,
  );
  return 0;
};

function usesOf(options: Options): { uses?: number; unlimitedUses?: boolean } {
  if (options.text('uses') === 'unlimited') return { unlimitedUses: true };
  const uses = options.count('uses', 1);
  return uses === undefined ? {} : { uses };
}
