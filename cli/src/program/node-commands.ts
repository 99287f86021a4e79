/** Declares what works with nodes. */
import type { Command } from 'commander';
import type { Action } from './action.ts';
import { collect } from './collect.ts';
import { examples } from './examples.ts';

/** Adds nodes, node get and node label. */
export function nodeCommands(program: Command, action: Action): void {
  program
    .command('nodes')
    .description('Lists nodes by name.')
    .option('--state <state>', 'only nodes in this state; may be repeated', collect)
    .option('--label <k=v>', 'only nodes with this label; may be repeated', collect)
    .option('-o, --output <format>', 'json or wide')
    .addHelpText('after', examples('muster nodes -o wide', 'muster nodes --label rack=a --state online'))
    .action(action(async () => (await import('../commands/nodes-list.ts')).nodesList));
  const node = program.command('node').description('Shows or marks one node.');
  node
    .command('get <node>')
    .description('Shows a node and what its probes found, by name or id.')
    .option('-o, --output <format>', 'json')
    .addHelpText('after', examples('muster node get web-1'))
    .action(action(async () => (await import('../commands/node-get.ts')).nodeGet));
  node
    .command('label <node> <labels...>')
    .description('Sets labels with key=value and removes them with key-.')
    .option('-o, --output <format>', 'json')
    .addHelpText('after', examples('muster node label web-1 rack=a gpu=yes', 'muster node label web-1 gpu-'))
    .action(action(async () => (await import('../commands/node-label.ts')).nodeLabel));
}
