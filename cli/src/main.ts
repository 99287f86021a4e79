/**
 * Entry of the `muster` command. `--version` answers before anything is loaded; everything else is loaded when needed:
 * a command-line tool is judged by its start.
 */
import { musterVersion } from '@muster/common/version/version';

const [only, ...others] = process.argv.slice(2);
if (others.length === 0 && (only === '--version' || only === '-V')) {
  process.stdout.write(`muster ${musterVersion}\n`);
} else {
  const { runProcess } = await import('./program/run-process.ts');
  await runProcess(process.argv.slice(2));
}
