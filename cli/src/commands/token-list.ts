/** `muster token list`. */
import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  AccessService,
  type JoinToken,
  ListJoinTokensResponseSchema,
} from '@muster/gen/muster/control/v1/access_service_pb';
import type { Command } from '../context.ts';
import { cellText } from '../output/terminal-safe.ts';
import { showJson } from '../show/json.ts';
import { showTime } from '../show/moment.ts';
import { labelText } from '../show/node-text.ts';
import { makePaint } from '../show/paint.ts';
import { renderTable } from '../show/table.ts';
import { collectPages } from './pages.ts';

/** The command. */
export const tokenList: Command = async ({ options }, context) => {
  const format = options.outputFormat();
  using door = await context.open(options);
  const access = door.client(AccessService);
  const { items } = await collectPages(async (pageSize, pageToken) => {
    const page = await access.listJoinTokens({ pageSize, pageToken }, { signal: context.signal });
    return { items: page.joinTokens, nextPageToken: page.nextPageToken };
  });
  if (format === 'json') {
    const all = create(ListJoinTokensResponseSchema, { joinTokens: items });
    await context.stdout.write(showJson(ListJoinTokensResponseSchema, all));
    return 0;
  }
  const rows = items.map((token) => [
    cellText(token.id),
    stateOf(token, context.clock.nowMs()),
    token.usesLeft === undefined ? 'unlimited' : String(token.usesLeft),
    showTime(token.expiresTime),
    cellText(token.createdBy),
    cellText(labelText(token.labels)),
  ]);
  const head = ['ID', 'STATE', 'USES LEFT', 'EXPIRES', 'MADE BY', 'LABELS'];
  await context.stdout.write(renderTable(head, rows, makePaint(context.stdout.hasColors)));
  return 0;
};

function stateOf(token: JoinToken, nowMs: number): string {
  if (token.revoked) return 'revoked';
  if (token.expiresTime !== undefined && timestampMs(token.expiresTime) <= nowMs) return 'expired';
  return token.usesLeft === 0 ? 'used' : 'good';
}
