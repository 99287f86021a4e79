/** Waits for termination; with "stuck" in argv it never winds down. The deadline is in argv too. */
import { systemClock } from '../clock/clock.ts';
import { makeLogger } from '../logging/logger.ts';
import { onTermination } from './shutdown.ts';

const [, , mode = '', deadlineMs = '0'] = process.argv;
using termination = onTermination(systemClock, { hardDeadlineMs: Number(deadlineMs) }, makeLogger({ name: 'fixture' }));
process.stdout.write('ready\n');
const keepAlive = setInterval(() => undefined, 1_000);
await new Promise((resolve) => termination.signal.addEventListener('abort', resolve, { once: true }));
if (mode !== 'stuck') clearInterval(keepAlive);
else await new Promise(() => undefined);
