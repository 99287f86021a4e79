import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const fixture = fileURLToPath(new URL('no-descriptors.fixture.ts', import.meta.url));

it('a process without a free file descriptor is told that it cannot start programs, and lives on', async () => {
  const script = 'ulimit -n 64; exec "$0" "$1"';
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', script, process.execPath, fixture]);
  expect(stdout).toMatch(
    /^command refused: .*cannot run \/bin\/true.*EMFILE.*\nzygote refused: .*cannot start the shell/,
  );
});
