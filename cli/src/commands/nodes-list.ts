/** `muster nodes`. */
import { create } from '@bufbuild/protobuf';
import { ListNodesResponseSchema, NodeService } from '@muster/gen/muster/control/v1/node_service_pb';
import { NodeStateSchema } from '@muster/gen/muster/node/v1/node_pb';
import type { Command } from '../context.ts';
import { parseLabels } from '../input/labels.ts';
import { parseStates } from '../input/states.ts';
import { showJson } from '../show/json.ts';
import { nodeHead, nodeRow } from '../show/node-text.ts';
import { makePaint } from '../show/paint.ts';
import { renderTable } from '../show/table.ts';
import { hint } from './notes.ts';
import { collectPages } from './pages.ts';

/** The command. */
export const nodesList: Command = async ({ options }, context) => {
  const format = options.outputFormat(['wide']);
  const states = parseStates(NodeStateSchema, options.texts('state'));
  const selector = { matchLabels: parseLabels(options.texts('label')) };
  using door = await context.open(options);
  const nodes = door.client(NodeService);
  const { items } = await collectPages(async (pageSize, pageToken) => {
    const page = await nodes.listNodes({ pageSize, pageToken, states, selector }, { signal: context.signal });
    return { items: page.nodes, nextPageToken: page.nextPageToken };
  });
  if (format === 'json') {
    const all = create(ListNodesResponseSchema, { nodes: items });
    await context.stdout.write(showJson(ListNodesResponseSchema, all));
    return 0;
  }
  const isWide = format === 'wide';
  const paint = makePaint(context.stdout.hasColors);
  const rows = items.map((node) => nodeRow(node, isWide, context.clock.nowMs(), paint));
  await context.stdout.write(renderTable(nodeHead(isWide), rows, paint));
  if (items.length === 0) await hint(context, 'no node matches; `muster token create` makes what a new one needs');
  return 0;
};
