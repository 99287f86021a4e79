/** What a run gets and how its end is seen, of every supervisor. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { PATH, type Stage } from './supervisor-stage.fixture.ts';

/** How runs end. */
export function describeEnds(stage: Stage): void {
  describe('how runs end', () => {
    it.each([0, 1, 3, 42, 126, 127, 128])('reports the exit code %i of the program', async (code) => {
      expect((await stage.runSpec(stage.sh(`exit ${code}`))).end).toEqual({ kind: 'exited', code });
    });

    it.each([
      ['SIGKILL', 9],
      ['SIGTERM', 15],
      ['SIGINT', 2],
      ['SIGQUIT', 3],
      ['SIGPIPE', 13],
      ['SIGSEGV', 11],
    ] as const)('reports that %s ended the program', async (signal, number) => {
      const { end } = await stage.runSpec(stage.sh(`kill -${number} $$; sleep 5`));
      expect(end).toMatchObject({ kind: 'signaled', signal, number });
    });

    it('reads 128 + n of the program as a signal, as shells do, and says that it only read the status', async () => {
      const { end } = await stage.runSpec(stage.sh('exit 143'));
      expect(end).toMatchObject({ kind: 'signaled', signal: 'SIGTERM', fromShellStatus: true });
    });

    it('reads 255 as an exit code, since no signal has that number', async () => {
      expect((await stage.runSpec(stage.sh('exit 255'))).end).toEqual({ kind: 'exited', code: 255 });
    });

    it('measures CPU time, wall time and memory, also of the shortest run', async () => {
      const short = await stage.runSpec(stage.specOf(['/bin/true']));
      expect(short.usage.peakMemoryBytes).toBeGreaterThan(0);
      expect(short.usage.wallMs).toBeLessThan(1_000);
      const busy = await stage.runSpec(stage.sh('i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'));
      expect(busy.usage.cpuUserMs + busy.usage.cpuSystemMs).toBeGreaterThanOrEqual(20);
      const calm = await stage.runSpec(stage.sh('sleep 0.3'));
      expect(calm.usage.wallMs).toBeGreaterThanOrEqual(270);
      expect(calm.endedAtMs - calm.startedAtMs).toBeCloseTo(calm.usage.wallMs, 0);
      expect(Math.abs(calm.endedAtMs - Date.now())).toBeLessThan(2_000);
    });

    it('sees the memory of a run that grows and lives for a while', async () => {
      const grow = 'x=$(head -c 30000000 /dev/zero | tr "\\0" a); sleep 0.6; echo done';
      const { usage } = await stage.runSpec(stage.specOf(['bash', '-c', grow]));
      expect(usage.peakMemoryBytes).toBeGreaterThan(25_000_000);
    });
  });
}

/** What a run finds when it starts. */
export function describeSurroundings(stage: Stage): void {
  describe('what a run gets', () => {
    it('keeps both streams byte by byte, apart from each other', async () => {
      const bytes = randomBytes(10 * 1024 * 1024);
      writeFileSync(stage.dir.join('input'), bytes);
      const spec = stage.sh('cat; printf "err\\0\\377" >&2', { stdinPath: stage.dir.join('input') });
      expect((await stage.runSpec(spec)).end).toEqual({ kind: 'exited', code: 0 });
      expect(readFileSync(stage.supervisor.outputPath(spec.key, 'stdout')).equals(bytes)).toBe(true);
      expect(readFileSync(stage.supervisor.outputPath(spec.key, 'stderr'))).toEqual(Buffer.from('err\0\xff', 'latin1'));
    });

    it('reads nothing from standard input where none is given', async () => {
      const spec = stage.sh('wc -c');
      await stage.runSpec(spec);
      expect(stage.outputOf(spec).trim()).toBe('0');
    });

    it('passes arguments exactly', async () => {
      const odd = [
        '',
        ' ',
        'a\nb',
        "it's",
        '"',
        '$(id)',
        '`id`',
        '\\',
        '*',
        '~',
        '-n',
        '--',
        '!',
        'ÄЁ語\u{1f600}',
        '\u0081\u0088',
      ];
      const spec = stage.specOf(['/usr/bin/printf', '[%s]', ...odd, 'x'.repeat(100_000)]);
      await stage.runSpec(spec);
      expect(stage.outputOf(spec)).toBe([...odd, 'x'.repeat(100_000)].map((word) => `[${word}]`).join(''));
    });

    it('sets exactly the environment and the marks', async () => {
      const environment = { PATH, A: 'x y', B: 'new\nline \'"$(id)', EMPTY: '', PWD: '/elsewhere', LC_ALL: 'C' };
      const spec = stage.specOf(['/usr/bin/env', '-0'], { environment });
      await stage.runSpec(spec);
      const seen = stage
        .outputOf(spec)
        .split('\0')
        .filter((line) => line !== '' && !line.startsWith('_='));
      const expected = { ...environment, MUSTER_ATTEMPT: spec.key.attemptId, MUSTER_RUN: '1' };
      expect(seen.sort()).toEqual(
        Object.entries(expected)
          .map(([name, value]) => `${name}=${value}`)
          .sort(),
      );
    });

    it('sets variables that a shell cannot export', async () => {
      const environment = { PATH, 'a.b': '1', OPTIND: 'x', UID: '77', IFS: ':', _muster_file: 'z', RANDOM: 'r' };
      const spec = stage.specOf(['/usr/bin/env', '-0'], { environment });
      expect((await stage.runSpec(spec)).end).toEqual({ kind: 'exited', code: 0 });
      const seen = stage.outputOf(spec).split('\0');
      for (const [name, value] of Object.entries(environment)) expect(seen).toContain(`${name}=${value}`);
    });

    it('finds programs in the PATH of the job, and never runs a shell builtin or function instead', async () => {
      await writeFile(stage.dir.join('_muster_notice'), '#!/bin/sh\necho mine\n', { mode: 0o755 });
      const spec = stage.specOf(['_muster_notice'], { environment: { PATH: `${stage.dir.path}:${PATH}` } });
      await stage.runSpec(spec);
      expect(stage.outputOf(spec)).toBe('mine\n');
    });

    it('starts in the working directory, whatever it is called', async () => {
      const odd = stage.dir.join(" a'b\n$c");
      await mkdir(odd);
      const spec = stage.sh('pwd -P', { workingDirectory: odd });
      await stage.runSpec(spec);
      expect(stage.outputOf(spec)).toBe(`${odd}\n`);
    });

    it('hands over no descriptor of ours but the three, no ignored or blocked signals, and the usual umask', async () => {
      // What this process itself was started with and must not close passes through to every child.
      const inherited = execFileSync('sh', ['-c', 'ls /proc/$$/fd'], { encoding: 'utf8' });
      const spec = stage.sh('ls /proc/$$/fd; grep -E "Sig(Ign|Blk)" /proc/self/status; umask');
      await stage.runSpec(spec);
      expect(stage.outputOf(spec)).toBe(`${inherited}${signalsOfATest()}0022\n`);
    });

    it('keeps runs apart: one that signals its own group hits no other', async () => {
      const bystander = stage.sh('sleep 30');
      await stage.startSpec(bystander);
      const { end } = await stage.runSpec(stage.sh('kill -9 0; sleep 5'));
      expect(end).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' });
      expect((await stage.supervisor.observe(bystander.key)).kind).toBe('running');
      expect((await stage.runSpec(stage.sh('exit 4'))).end).toEqual({ kind: 'exited', code: 4 });
    });
  });
}

/** Signals that whoever started the tests blocked or ignored stay so in every child; Node itself adds none. */
function signalsOfATest(): string {
  return execFileSync('sh', ['-c', 'grep -E "Sig(Ign|Blk)" /proc/self/status'], { encoding: 'utf8' });
}
