/** `muster key list`. */
import { create } from '@bufbuild/protobuf';
import { AccessService, ListApiKeysResponseSchema } from '@muster/gen/muster/control/v1/access_service_pb';
import { RoleSchema } from '@muster/gen/muster/control/v1/role_pb';
import type { Command } from '../context.ts';
import { cellText } from '../output/terminal-safe.ts';
import { enumName } from '../show/enum-name.ts';
import { showJson } from '../show/json.ts';
import { showTime } from '../show/moment.ts';
import { makePaint } from '../show/paint.ts';
import { renderTable } from '../show/table.ts';
import { collectPages } from './pages.ts';

/** The command. */
export const keyList: Command = async ({ options }, context) => {
  const format = options.outputFormat();
  using door = await context.open(options);
  const access = door.client(AccessService);
  const { items } = await collectPages(async (pageSize, pageToken) => {
    const page = await access.listApiKeys({ pageSize, pageToken }, { signal: context.signal });
    return { items: page.apiKeys, nextPageToken: page.nextPageToken };
  });
  if (format === 'json') {
    const all = create(ListApiKeysResponseSchema, { apiKeys: items });
    await context.stdout.write(showJson(ListApiKeysResponseSchema, all));
    return 0;
  }
  const rows = items.map((key) => [
    cellText(key.id),
    cellText(key.name),
    enumName(RoleSchema, key.role),
    key.revoked ? 'revoked' : 'good',
    showTime(key.createdTime),
  ]);
  const head = ['ID', 'NAME', 'ROLE', 'STATE', 'MADE'];
  await context.stdout.write(renderTable(head, rows, makePaint(context.stdout.hasColors)));
  return 0;
};
