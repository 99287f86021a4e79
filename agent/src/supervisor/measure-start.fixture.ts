/**
 * Measures starts of /bin/true through the supervisor: one after the other, then eight at once.
 * Usage: node --conditions=muster-source agent/src/supervisor/measure-start.fixture.ts [shell words]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@muster/common/clock/clock';
import { asAttemptId, makeIds } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { captureLogs } from '@muster/testing/capture-logs';
import { openShSupervisor } from './sh-supervisor.ts';

const SEQUENTIAL = 400;
const CONCURRENT = 1_500;
const LANES = 8;

const directory = mkdtempSync(join(tmpdir(), 'muster-measure-'));
const [program = '/bin/sh', ...words] = process.argv.slice(2);
const shell = [program, ...words] as const;
const supervisor = await openShSupervisor({ directory, clock: systemClock, logger: captureLogs().logger, shell });
const ids = makeIds(systemClock, systemRandom);
const { signal } = new AbortController();
const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/root', LANG: 'C.UTF-8' };

async function runOne(): Promise<void> {
  const key = { attemptId: asAttemptId(ids.next()), run: 1 };
  const argv = ['/bin/true'] as const;
  const started = await supervisor.start(
    { key, argv, workingDirectory: '/tmp', environment, graceMs: 1_000, stopSignal: 'SIGTERM' },
    signal,
  );
  const end = await supervisor.ended(key, signal);
  if (started.kind !== 'started' || end.kind !== 'ended' || end.end.kind !== 'exited')
    throw new Error(JSON.stringify([started, end]));
}

for (let at = 0; at < 20; at += 1) await runOne();
const times: number[] = [];
for (let at = 0; at < SEQUENTIAL; at += 1) {
  const fromMs = performance.now();
  await runOne();
  times.push(performance.now() - fromMs);
}
times.sort((a, b) => a - b);
const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(2);
const fromMs = performance.now();
let left = CONCURRENT;
const lane = async (): Promise<void> => {
  for (; left > 0; ) {
    left -= 1;
    await runOne();
  }
};
await Promise.all(Array.from({ length: LANES }, lane));
const perSecond = Math.round(CONCURRENT / ((performance.now() - fromMs) / 1000));
process.stdout.write(`${shell.join(' ')}: p10 ${at(0.1)} p50 ${at(0.5)} p99 ${at(0.99)} ms, ${perSecond} runs/s\n`);
await supervisor[Symbol.asyncDispose]();
rmSync(directory, { recursive: true });
