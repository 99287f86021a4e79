/** Starts programs while this process has no file descriptor left, and says what came of it. Run it under `ulimit -n`. */
import { closeSync, openSync } from 'node:fs';
import { errorChain } from '@muster/common/errors/app-error';
import { runCommand } from '../fingerprint/run-command.ts';
import { startZygote } from './zygote.ts';

const { signal: never } = new AbortController();
const settings = { directory: '/nowhere', fifoPath: '/nowhere/fifo', bootId: 'boot', setsidPath: '' };
const attempts = {
  command: () => runCommand({ path: '/bin/true', args: [], environment: {} }, never),
  zygote: () => startZygote(['/bin/sh'], settings),
};

function takeAll(): number[] {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    return taken;
  }
}

const said: string[] = [];
for (const [name, attempt] of Object.entries(attempts)) {
  const taken = takeAll();
  said.push(
    await attempt().then(
      () => `${name} started`,
      (error: unknown) => `${name} refused: ${errorChain(error)}`,
    ),
  );
  // What Node has to say about a failed start comes a turn later.
  await new Promise((resolve) => setImmediate(resolve));
  for (const descriptor of taken) closeSync(descriptor);
}
process.stdout.write(`${said.join('\n')}\n`);
