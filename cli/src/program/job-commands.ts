/** Declares what works with jobs. */
import type { Command } from 'commander';
import type { Action } from './action.ts';
import { collect } from './collect.ts';
import { examples } from './examples.ts';

/** Adds run, jobs, job get, logs and cancel. */
export function jobCommands(program: Command, action: Action): void {
  declareRun(program, action);
  program
    .command('jobs')
    .description('Lists jobs, newest first.')
    .option('--state <state>', 'only jobs in this state; may be repeated', collect)
    .option('--label <k=v>', 'only jobs with this label; may be repeated', collect)
    .option('--limit <n>', 'at most this many', '100')
    .option('-o, --output <format>', 'json')
    .addHelpText('after', examples('muster jobs --state running --state queued', 'muster jobs -o json'))
    .action(action(async () => (await import('../commands/jobs-list.ts')).jobsList));
  program
    .command('job')
    .description('Shows one job.')
    .command('get <job>')
    .description('Shows a job: its tasks and attempts, how they ended, CPU time, memory and output.')
    .option('-o, --output <format>', 'json')
    .addHelpText('after', examples('muster job get JOB', 'muster job get JOB -o json'))
    .action(action(async () => (await import('../commands/job-get.ts')).jobGet));
  program
    .command('logs <job>')
    .description('Prints the output of a job. Exits with 1 if some of it is gone.')
    .option('-f, --follow', 'go on until the output is complete')
    .option('--stdout', 'only standard output')
    .option('--stderr', 'only standard error')
    .option('--task <n>', 'only this task, from 0')
    .option('--attempt <n>', 'this attempt, from 1 (default: the newest of each task)')
    .option('--raw', 'let control sequences through to a terminal')
    .addHelpText('after', examples('muster logs -f JOB', 'muster logs --stderr JOB > errors.txt'))
    .action(action(async () => (await import('../commands/logs.ts')).logs));
  program
    .command('cancel <job>')
    .description('Asks for the end of a job. Its processes get a signal, time to end, and then no more time.')
    .option('-o, --output <format>', 'json')
    .addHelpText('after', examples('muster cancel JOB'))
    .action(action(async () => (await import('../commands/cancel.ts')).cancel));
}

const RUN_HELP = `
Exit code: the program's own; 128 + n if signal n ended it; the largest of several;
125 if Muster could not run it or lost it; 2 for wrong use of this command.
Ctrl-C once cancels the job and waits for its end, twice leaves it to itself. A lost
connection does not touch the job: muster attaches again.

Examples:
  muster run -- uname -a                         on some node
  muster run --label gpu=yes -- nvidia-smi       on some node with this label
  muster run --all --timeout 30s -- uptime       on every node that is not cordoned
  muster run --node web-1 --node web-2 -- id     on each of these
  muster run --script deploy.sh -- staging       a script with an argument
  muster run --stdin dump.sql -- psql            with input
  muster run --detach -- make backup             prints the job's id and returns
`;

function declareRun(program: Command, action: Action): void {
  program
    .command('run [words...]')
    .usage('[options] -- PROGRAM [ARGUMENT...]\n       muster run [options] --script FILE [-- ARGUMENT...]')
    .description('Runs a program or a script on nodes, and shows its output.')
    .passThroughOptions()
    .option('--script <file>', 'run this script; - reads it from standard input')
    .option('--interpreter <name>', "the script's interpreter (default: its first line, else /bin/sh)")
    .option('--label <k=v>', 'only nodes with this label; may be repeated', collect)
    .option('--node <node>', 'on this node, by name or id; repeated: on each of them', collect)
    .option('--all', 'on every matching node; those out of contact are skipped, and that counts as failure')
    .option('--timeout <duration>', 'stop it when it has run this long')
    .option('--queue-timeout <duration>', 'give up when it has waited this long')
    .option('--grace <duration>', 'time between the first signal and the last one (default: 10s)')
    .option('--env <NAME=value>', 'environment variable, not for secrets; may be repeated', collect)
    .option('--cwd <directory>', 'absolute directory on the node')
    .option('--name <name>', 'a name for people')
    .option('--stdin <file>', 'standard input, at most 1MiB; - for our own')
    .option('-d, --detach', 'return when the job is stored, print its id')
    .option('--raw', 'let control sequences through to a terminal')
    .option('--request-id <id>', 'makes the call repeatable: the same id gives the same job')
    .option('-o, --output <format>', 'json: print the job when it has ended, and not its output')
    .addHelpText('after', RUN_HELP)
    .action(action(async () => (await import('../commands/run.ts')).run));
}
