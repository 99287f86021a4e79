/** `muster node label`. */
import { AppError } from '@muster/common/errors/app-error';
import { NodeService } from '@muster/gen/muster/control/v1/node_service_pb';
import { NodeSchema } from '@muster/gen/muster/node/v1/node_pb';
import type { Command } from '../context.ts';
import { parseLabelChange } from '../input/labels.ts';
import { cellText } from '../output/terminal-safe.ts';
import { showJson } from '../show/json.ts';
import { labelText } from '../show/node-text.ts';

/** The command. */
export const nodeLabel: Command = async ({ args, options }, context) => {
  const format = options.outputFormat();
  const [name = '', ...changes] = args;
  const change = parseLabelChange(changes);
  using door = await context.open(options);
  const { node } = await door
    .client(NodeService)
    .updateNodeLabels({ node: name, ...change }, { signal: context.signal });
  if (node === undefined) throw new AppError('internal', 'the orchestrator answered without a node');
  if (format === 'json') await context.stdout.write(showJson(NodeSchema, node));
  else await context.stdout.write(`${cellText(node.name)}  ${cellText(labelText(node.labels) || 'no labels')}\n`);
  return 0;
};
