/** Ending a run with all its processes, of every supervisor. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { eventually } from '@muster/testing/eventually';
import { stopTree } from './stop-tree.ts';
import type { RunKey } from './supervisor.ts';
import { freshKey, never, type Stage } from './supervisor-stage.fixture.ts';

/** Ending the tree. */
export function describeStops(stage: Stage): void {
  describe('ending the tree', () => {
    const stop = (key: RunKey, graceMs: number): ReturnType<typeof stopTree> =>
      stopTree({ supervisor: stage.supervisor, clock: systemClock }, key, { signal: 'SIGTERM', graceMs }, never);
    const pidIn = (file: string): Promise<number> =>
      eventually(
        () =>
          existsSync(stage.dir.join(file)) &&
          Number(readFileSync(stage.dir.join(file), 'utf8')) > 0 &&
          Number(readFileSync(stage.dir.join(file), 'utf8')),
      );
    const lives = (pid: number): boolean =>
      existsSync(`/proc/${pid}`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

    it('ends a polite program by the signal alone, before the grace is over', async () => {
      const spec = stage.sh('sleep 30 & wait');
      await stage.startSpec(spec);
      expect(await stop(spec.key, 20_000)).toEqual({ signalsSent: ['SIGTERM'], survivors: 0 });
      const seen = await stage.endOf(spec.key);
      expect(seen.end).toMatchObject({ kind: 'signaled', signal: 'SIGTERM' });
      expect(seen.signalsSent).toEqual(['SIGTERM']);
    });

    it('kills after the grace what ignores the signal', async () => {
      const spec = stage.sh('trap "" TERM; echo $$ >pid; while :; do sleep 1; done');
      await stage.startSpec(spec);
      await pidIn('pid');
      expect(await stop(spec.key, 200)).toEqual({ signalsSent: ['SIGTERM', 'SIGKILL'], survivors: 0 });
      const seen = await stage.endOf(spec.key);
      expect(seen.end).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' });
      expect(seen.signalsSent).toEqual(['SIGTERM', 'SIGKILL']);
    });

    it('passes SIGINT on to a program that handles it', async () => {
      const spec = stage.sh('trap "exit 9" INT; echo $$ >pid; while :; do sleep 0.05; done');
      await stage.startSpec(spec);
      await pidIn('pid');
      expect(await stage.supervisor.signalTree(spec.key, 'SIGINT')).toBeGreaterThan(0);
      expect((await stage.endOf(spec.key)).end).toEqual({ kind: 'exited', code: 9 });
    });

    it('finds children that left: double fork, a session of their own, the main process gone', async () => {
      const spec = stage.sh(
        'setsid sh -c "sleep 60 & echo \\$! >grandchild; wait" & (sleep 60 & echo $! >orphan); sleep 0.1; exit 0',
      );
      await stage.startSpec(spec);
      const [grandchild, orphan] = [await pidIn('grandchild'), await pidIn('orphan')];
      expect((await stage.endOf(spec.key)).end).toEqual({ kind: 'exited', code: 0 });
      expect(await stage.supervisor.countTree(spec.key)).toBeGreaterThanOrEqual(2);
      expect((await stop(spec.key, 2_000)).survivors).toBe(0);
      expect([lives(grandchild), lives(orphan)]).toEqual([false, false]);
    });

    it('finds children that dropped the environment but stayed in the group', async () => {
      const spec = stage.sh('env -i sleep 60 & echo $! >child; exit 0');
      await stage.startSpec(spec);
      const child = await pidIn('child');
      await stage.endOf(spec.key);
      expect((await stop(spec.key, 2_000)).survivors).toBe(0);
      expect(lives(child)).toBe(false);
    });

    it('outruns a tree that keeps forking', async () => {
      // Each process starts one more every 10 ms: 300 at most, or a failure of this test would take the machine along.
      const chain = 'f() { sleep 0.01; if [ "$1" -gt 0 ]; then f $(($1 - 1)) & fi; sleep 20; }';
      const spec = stage.sh(`trap "" TERM; ${chain}; f 300`);
      await stage.startSpec(spec);
      await eventually(async () => (await stage.supervisor.countTree(spec.key)) > 5);
      expect((await stop(spec.key, 0)).survivors).toBe(0);
      expect(await stage.supervisor.countTree(spec.key)).toBe(0);
    });

    it('signals nothing where nothing lives', async () => {
      const spec = stage.sh('exit 0');
      await stage.runSpec(spec);
      expect(await stop(spec.key, 1_000)).toEqual({ signalsSent: [], survivors: 0 });
      expect(await stage.supervisor.signalTree(freshKey(), 'SIGTERM')).toBe(0);
    });
  });
}

/** The timeout of the supervised side. */
export function describeTimeout(stage: Stage): void {
  describe('the run timeout, without anybody of ours', () => {
    it('ends the tree and says that it was the timeout', async () => {
      const spec = stage.sh('trap "" TERM; setsid sleep 60 & echo $! >child; while :; do sleep 1; done', {
        runTimeoutMs: 500,
        graceMs: 500,
      });
      await stage.startSpec(spec);
      const seen = await stage.endOf(spec.key);
      expect(seen.stoppedBy).toBe('timeout');
      expect(seen.end).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' });
      await eventually(async () => (await stage.supervisor.countTree(spec.key)) === 0, { withinMs: 10_000 });
    }, 20_000);

    it('leaves a run alone that ends in time', async () => {
      const seen = await stage.runSpec(stage.sh('exit 5', { runTimeoutMs: 60_000 }));
      expect(seen.end).toEqual({ kind: 'exited', code: 5 });
      expect(seen.stoppedBy).toBeUndefined();
    });
  });
}
