/** `muster node get`. */
import { AppError } from '@muster/common/errors/app-error';
import { NodeService } from '@muster/gen/muster/control/v1/node_service_pb';
import { NodeSchema } from '@muster/gen/muster/node/v1/node_pb';
import type { Command } from '../context.ts';
import { showJson } from '../show/json.ts';
import { showNode } from '../show/node-text.ts';
import { makePaint } from '../show/paint.ts';

/** The command. */
export const nodeGet: Command = async ({ args, options }, context) => {
  const format = options.outputFormat();
  using door = await context.open(options);
  const { node } = await door.client(NodeService).getNode({ node: args[0] ?? '' }, { signal: context.signal });
  if (node === undefined) throw new AppError('internal', 'the orchestrator answered without a node');
  const paint = makePaint(context.stdout.hasColors);
  await context.stdout.write(format === 'json' ? showJson(NodeSchema, node) : showNode(node, paint));
  return 0;
};
