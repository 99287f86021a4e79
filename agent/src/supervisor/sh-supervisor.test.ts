import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import { ManualClock } from '@muster/testing/manual-clock';
import { tempDir } from '@muster/testing/temp-dir';
import { openNoticePipe } from './notice-pipe.ts';
import { RunFiles, runFileName } from './run-files.ts';
import { openShSupervisor, ShSupervisor, type ShSupervisorOptions } from './sh-supervisor.ts';
import { stopTree } from './stop-tree.ts';
import type { LaunchSpec, RunKey } from './supervisor.ts';
import { describeSupervisor } from './supervisor-conformance.fixture.ts';
import { freshKey } from './supervisor-stage.fixture.ts';
import type { ShellCommand } from './zygote.ts';

const { signal: never } = new AbortController();

const shells: readonly (readonly [string, ShellCommand])[] = [
  ['sh', ['/bin/sh']],
  ['bash', ['/bin/bash', '--posix']],
  ['busybox', ['/usr/bin/busybox', 'sh']],
];

const openOn = (directory: string, rest: Partial<ShSupervisorOptions> = {}): Promise<ShSupervisor> =>
  openShSupervisor({ directory, clock: systemClock, logger: captureLogs().logger, ...rest });

for (const [name, shell] of shells) {
  if (existsSync(shell[0])) describeSupervisor(`by ${name}`, (directory) => openOn(directory, { shell }));
}

const specOf = (script: string, key: RunKey = freshKey()): LaunchSpec => ({
  key,
  argv: ['sh', '-c', script],
  workingDirectory: '/tmp',
  environment: { PATH: '/usr/bin:/bin' },
  graceMs: 500,
  stopSignal: 'SIGTERM',
});

/** The files on a disk that takes no further line. */
class FullDiskFiles extends RunFiles {
  override appendTo(): void {
    throw new AppError('resource_exhausted', 'no space left on device');
  }
}

describe('the shell supervisor', () => {
  it('goes on watching a run and ends it where its record cannot be written', async () => {
    await using dir = await tempDir();
    const clock = new ManualClock();
    const files = new FullDiskFiles(dir.join('runs'));
    const pipe = await openNoticePipe(dir.join('runs', '.notices'));
    const options = { directory: dir.join('runs'), clock, logger: captureLogs().logger };
    await using supervisor = new ShSupervisor(options, files, pipe);
    const spec = specOf('sleep 30');
    expect(await supervisor.start(spec, never)).toMatchObject({ kind: 'started' });
    try {
      // The first memory sample is taken by a timer: what it throws would end the agent.
      await clock.advance(50);
      expect(await supervisor.signalTree(spec.key, 'SIGKILL')).toBeGreaterThan(0);
      expect(await supervisor.ended(spec.key, never)).toMatchObject({ end: { kind: 'signaled', number: 9 } });
    } finally {
      await stopTree({ supervisor, clock: systemClock }, spec.key, { signal: 'SIGKILL', graceMs: 0 }, never).catch(
        () => undefined,
      );
    }
  });

  it('starts another shell when its own was killed, and no run is hurt', async () => {
    await using dir = await tempDir();
    await using supervisor = await openOn(dir.join('runs'));
    const before = specOf('sleep 0.5; exit 3');
    await supervisor.start(before, never);
    process.kill(await supervisor.warm(), 'SIGKILL');
    const after = specOf('exit 4');
    expect(await supervisor.start(after, never)).toMatchObject({ kind: 'started' });
    expect(await supervisor.ended(after.key, never)).toMatchObject({ end: { kind: 'exited', code: 4 } });
    expect(await supervisor.ended(before.key, never)).toMatchObject({ end: { kind: 'exited', code: 3 } });
  });

  it('starts each run exactly once while its shell is killed again and again', async () => {
    await using dir = await tempDir();
    await using supervisor = await openOn(dir.join('runs'));
    const specs = Array.from({ length: 120 }, (_, index) => specOf(`echo ${index} >>${dir.join('ran')}; exit 7`));
    const open = [...specs];
    let killing = true;
    const killer = async (): Promise<void> => {
      while (killing) {
        await systemClock.sleep(40, never);
        process.kill(await supervisor.warm(), 'SIGKILL');
      }
    };
    const lane = async (): Promise<string[]> => {
      const kinds: string[] = [];
      for (let spec = open.pop(); spec !== undefined; spec = open.pop()) {
        kinds.push((await supervisor.start(spec, never)).kind);
      }
      return kinds;
    };
    const killed = killer().catch(() => undefined);
    const kinds = (await Promise.all([lane(), lane(), lane(), lane()])).flat();
    killing = false;
    await killed;
    let started = 0;
    for (const spec of specs) {
      const seen = await supervisor.ended(spec.key, never);
      if (seen.kind === 'ended' && seen.end.kind === 'exited') started += 1;
    }
    expect(kinds.filter((kind) => kind === 'started').length).toBeGreaterThanOrEqual(started);
    const ran = readFileSync(dir.join('ran'), 'utf8').trim().split('\n');
    expect(new Set(ran).size).toBe(ran.length);
    expect(ran.length).toBe(started);
    // Some may have been given up, provably never started; most get through.
    expect(started).toBeGreaterThan(60);
  }, 60_000);

  it('reports a run as lost whose keeper was killed, and can still end what lives of it', async () => {
    await using dir = await tempDir();
    await using supervisor = await openOn(dir.join('runs'));
    const spec = specOf('sleep 60');
    await supervisor.start(spec, never);
    const claim = readFileSync(dir.join('runs', runFileName(spec.key)), 'utf8').split(' ');
    process.kill(Number(claim[2]), 'SIGKILL');
    const seen = await eventually(async () => {
      const now = await supervisor.observe(spec.key);
      return now.kind === 'ended' && now;
    });
    expect(seen).toMatchObject({ kind: 'ended', end: { kind: 'lost', cause: 'supervisor_died' } });
    const stopped = await stopTree(
      { supervisor, clock: systemClock },
      spec.key,
      { signal: 'SIGTERM', graceMs: 1_000 },
      never,
    );
    expect(stopped).toEqual({ signalsSent: ['SIGTERM'], survivors: 0 });
  });

  it('reports a run of another boot as lost, signals nothing of it, but keeps a recorded exit', async () => {
    await using dir = await tempDir();
    const [running, done] = [specOf('sleep 60'), specOf('exit 5')];
    await using old = await openOn(dir.join('runs'));
    await old.start(running, never);
    await old.start(done, never);
    await old.ended(done.key, never);
    {
      await using supervisor = await openOn(dir.join('runs'), { bootId: '00000000-0000-0000-0000-000000000000' });
      expect(await supervisor.observe(running.key)).toMatchObject({
        kind: 'ended',
        end: { kind: 'lost', cause: 'node_rebooted' },
      });
      expect(await supervisor.signalTree(running.key, 'SIGKILL')).toBe(0);
      expect(await supervisor.observe(done.key)).toMatchObject({ end: { kind: 'exited', code: 5 } });
    }
    expect((await old.observe(running.key)).kind).toBe('running');
    await stopTree({ supervisor: old, clock: systemClock }, running.key, { signal: 'SIGKILL', graceMs: 0 }, never);
    await old.ended(running.key, never);
  });

  it('takes an exit line without its end for none', async () => {
    await using dir = await tempDir();
    await using supervisor = await openOn(dir.join('runs'));
    const spec = specOf('exit 5');
    await supervisor.start(spec, never);
    await supervisor.ended(spec.key, never);
    const path = dir.join('runs', runFileName(spec.key));
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -1));
    // The keeper has told the end and may not have left yet; while it lives, the line could still come.
    const seen = await eventually(async () => {
      const observation = await supervisor.observe(spec.key);
      return observation.kind === 'ended' && observation;
    });
    expect(seen).toMatchObject({ end: { kind: 'lost', cause: 'supervisor_died' } });
  });

  it('does not take a later process with the pid of a run for it', async () => {
    await using dir = await tempDir();
    await using supervisor = await openOn(dir.join('runs'));
    const spec = specOf('exit 0');
    await supervisor.start(spec, never);
    await supervisor.ended(spec.key, never);
    const path = dir.join('runs', runFileName(spec.key));
    // As if the pids of keeper and run had come to the process that this test runs in.
    const reused = readFileSync(path, 'utf8')
      .replaceAll(/(claim \S+|job) [0-9]+/g, `$1 ${process.ppid}`)
      .replace(/exit .*\n/, '');
    writeFileSync(path, reused);
    expect(await supervisor.observe(spec.key)).toMatchObject({ end: { kind: 'lost' } });
    expect(await supervisor.countTree(spec.key)).toBe(0);
  });

  it('says in one sentence that the configured shell is missing', async () => {
    await using dir = await tempDir();
    const opening = openOn(dir.join('runs'), { shell: ['/no/such/shell'] });
    await expect(opening).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('/no/such/shell'),
    });
  });

  it('leaves no process behind when closed without runs', async () => {
    await using dir = await tempDir();
    const supervisor = await openOn(dir.join('runs'));
    const pid = await supervisor.warm();
    await supervisor[Symbol.asyncDispose]();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});
