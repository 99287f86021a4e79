/** Takes the lock of the directory in argv, says how that went, and holds it until it is killed. */
import { errorChain } from '../errors/app-error.ts';
import { lockDirectory } from './directory-lock.ts';

const [, , directory = ''] = process.argv;
try {
  await lockDirectory(directory);
  process.stdout.write('locked\n');
  setInterval(() => undefined, 1_000);
} catch (error) {
  process.stdout.write(`refused ${errorChain(error)}\n`);
}
