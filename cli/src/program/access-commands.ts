/** Declares what lets nodes and people in. */
import type { Command } from 'commander';
import type { Action } from './action.ts';
import { collect } from './collect.ts';
import { examples } from './examples.ts';

/** Adds token create, list, revoke and key create, list, revoke. */
export function accessCommands(program: Command, action: Action): void {
  const token = program.command('token').description('Join tokens: what a machine needs to become a node.');
  token
    .command('create')
    .description('Makes a join token and prints it. It is shown this once.')
    .option('--uses <n>', 'how many machines may use it, or "unlimited" (default: 1)')
    .option('--ttl <duration>', 'how long it is good for (default: 1h)')
    .option('--label <k=v>', 'label that its nodes get; may be repeated', collect)
    .option('-o, --output <format>', 'json')
    .addHelpText(
      'after',
      examples('muster token create > token.txt', 'muster token create --uses 20 --ttl 2d --label rack=a'),
    )
    .action(action(async () => (await import('../commands/token-create.ts')).tokenCreate));
  token
    .command('list')
    .description('Lists join tokens, newest first. Their text is not shown.')
    .option('-o, --output <format>', 'json')
    .action(action(async () => (await import('../commands/token-list.ts')).tokenList));
  token
    .command('revoke <id>')
    .description('Makes a join token worthless. Nodes that used it stay.')
    .option('-o, --output <format>', 'json')
    .addHelpText('after', examples('muster token revoke ID'))
    .action(action(async () => (await import('../commands/token-revoke.ts')).tokenRevoke));
  const key = program.command('key').description('API keys: what people and services call the orchestrator with.');
  key
    .command('create <name>')
    .description('Makes an API key and prints it. It is shown this once.')
    .requiredOption('--role <role>', 'viewer (reads), operator (runs work) or admin (lets others in)')
    .option('-o, --output <format>', 'json')
    .addHelpText('after', examples('muster key create ci --role operator > ci.key'))
    .action(action(async () => (await import('../commands/key-create.ts')).keyCreate));
  key
    .command('list')
    .description('Lists API keys, newest first. Their text is not shown.')
    .option('-o, --output <format>', 'json')
    .action(action(async () => (await import('../commands/key-list.ts')).keyList));
  key
    .command('revoke <id>')
    .description('Makes an API key worthless, at once.')
    .option('-o, --output <format>', 'json')
    .addHelpText('after', examples('muster key revoke ID'))
    .action(action(async () => (await import('../commands/key-revoke.ts')).keyRevoke));
}
