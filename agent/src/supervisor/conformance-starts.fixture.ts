/** What cannot start, and that nothing starts twice, of every supervisor. */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import type { LaunchSpec } from './supervisor.ts';
import { never, type Stage } from './supervisor-stage.fixture.ts';

/** What cannot run. */
export function describeRefusals(stage: Stage): void {
  describe('what cannot run', () => {
    const reasonOf = async (spec: LaunchSpec): Promise<unknown> => {
      const result = await stage.startSpec(spec);
      expect(await stage.supervisor.observe(spec.key)).toEqual({ kind: 'claimed_never' });
      return result;
    };

    it('says that the working directory is missing or a file', async () => {
      const missing = await reasonOf(stage.specOf(['true'], { workingDirectory: stage.dir.join('nowhere') }));
      expect(missing).toMatchObject({ kind: 'not_run', reason: 'no_such_directory' });
      const file = await reasonOf(stage.specOf(['true'], { workingDirectory: '/etc/passwd' }));
      expect(file).toMatchObject({ kind: 'not_run', reason: 'no_such_directory' });
    });

    it('says that there is no such program', async () => {
      const named = await reasonOf(stage.specOf(['no-such-program-here']));
      expect(named).toMatchObject({
        kind: 'not_run',
        reason: 'spawn_error',
        detail: expect.stringContaining('ENOENT'),
      });
      expect(await reasonOf(stage.specOf(['/no/such/program']))).toMatchObject({
        kind: 'not_run',
        reason: 'spawn_error',
      });
      expect(await reasonOf(stage.specOf(['']))).toMatchObject({ kind: 'not_run', reason: 'spawn_error' });
    });

    it('says that the program may not be executed', async () => {
      await writeFile(stage.dir.join('plain'), 'text');
      await chmod(stage.dir.join('plain'), 0o644);
      expect(await reasonOf(stage.specOf([stage.dir.join('plain')]))).toMatchObject({
        kind: 'not_run',
        reason: 'not_executable',
      });
      expect(await reasonOf(stage.specOf(['./plain']))).toMatchObject({ kind: 'not_run', reason: 'not_executable' });
      expect(await reasonOf(stage.specOf(['/etc']))).toMatchObject({ kind: 'not_run', reason: 'not_executable' });
    });

    it('says that the interpreter of a script is missing, and starts it once it is there', async () => {
      const interpreter = stage.dir.join('interpreter');
      await writeFile(stage.dir.join('script'), `#!${interpreter}\n`, { mode: 0o755 });
      const result = await reasonOf(stage.specOf([stage.dir.join('script')]));
      expect(result).toMatchObject({
        kind: 'not_run',
        reason: 'no_interpreter',
        detail: expect.stringContaining(interpreter),
      });
      await writeFile(interpreter, readFileSync('/bin/true'), { mode: 0o755 });
      expect((await stage.runSpec(stage.specOf([stage.dir.join('script')]))).end).toEqual({ kind: 'exited', code: 0 });
    });

    it('says that an argument is too long for the system', async () => {
      const result = await reasonOf(stage.specOf(['true', 'x'.repeat(200_000)]));
      expect(result).toMatchObject({
        kind: 'not_run',
        reason: 'spawn_error',
        detail: expect.stringContaining('E2BIG'),
      });
    });

    it('reports an exec that fails after all checks as not run, and never as the exit code 126', async () => {
      const many: string[] = Array.from({ length: 60 }, () => 'x'.repeat(120_000));
      const spec = stage.specOf(['true', ...many]);
      await stage.startSpec(spec);
      const { end } = await stage.endOf(spec.key);
      const detail = expect.stringMatching(/too (long|large)|E2BIG/i);
      expect(end).toMatchObject({ kind: 'not_run', reason: 'spawn_error', detail });
      // bash reads the 7 MB of this command byte by byte, as it must from a pipe.
    }, 30_000);

    it.each([
      ['working_directory', { workingDirectory: 'relative' }],
      ['argv[1]', { argv: ['true', 'a\0b'] as const }],
      ['environment["a=b"]', { environment: { 'a=b': 'c' } }],
      ['environment.A', { environment: { A: 'a\0b' } }],
      ['run_timeout', { runTimeoutMs: 0 }],
      ['grace', { graceMs: -1 }],
    ])('refuses what no process can have, naming %s', async (field, rest) => {
      await expect(stage.startSpec(stage.specOf(['true'], rest))).rejects.toMatchObject({
        code: 'invalid_argument',
        field,
      });
    });
  });
}

/** At most once. */
export function describeOnce(stage: Stage): void {
  describe('at most once', () => {
    it('starts one of two starts of the same run', async () => {
      const spec = stage.sh(`echo x >>${stage.dir.join('count')}`);
      const results = await Promise.all([stage.startSpec(spec), stage.startSpec(spec)]);
      expect(results.map((result) => result.kind).sort()).toEqual(['already_claimed', 'started']);
      await stage.endOf(spec.key);
      expect(await stage.startSpec(spec)).toMatchObject({ kind: 'already_claimed', observation: { kind: 'ended' } });
      expect(readFileSync(stage.dir.join('count'), 'utf8')).toBe('x\n');
    });

    it('lets either the start or claimNever win, and both know which', async () => {
      const seen = new Set<string>();
      for (let round = 0; round < 200; round += 1) {
        const spec = stage.sh(`echo x >${stage.dir.join(`ran-${round}`)}`);
        const starting = stage.startSpec(spec);
        // From the start's first look to after its notice: a few milliseconds, in 20 steps.
        await systemClock.sleep((round % 20) / 5, never);
        const claim = await stage.supervisor.claimNever(spec.key);
        const started = await starting;
        expect(started.kind).toBe(claim === 'never' ? 'already_claimed' : 'started');
        await stage.supervisor.ended(spec.key, never);
        expect(existsSync(stage.dir.join(`ran-${round}`))).toBe(claim === 'started');
        seen.add(claim);
      }
      expect([...seen].sort()).toEqual(['never', 'started']);
    }, 60_000);

    it('says never again when asked again, and refuses a later start', async () => {
      const spec = stage.sh('exit 0');
      expect(await stage.supervisor.claimNever(spec.key)).toBe('never');
      expect(await stage.supervisor.claimNever(spec.key)).toBe('never');
      expect(await stage.supervisor.observe(spec.key)).toEqual({ kind: 'claimed_never' });
      expect(await stage.startSpec(spec)).toEqual({ kind: 'already_claimed', observation: { kind: 'claimed_never' } });
    });

    it('starts each run of an attempt by itself', async () => {
      const first = stage.sh('exit 1');
      await stage.runSpec(first);
      const second = { ...first, key: { ...first.key, run: 2 } };
      expect((await stage.runSpec(second)).end).toEqual({ kind: 'exited', code: 1 });
      expect(await stage.supervisor.list()).toEqual([first.key, second.key]);
    });
  });
}
