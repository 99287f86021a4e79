/** What a supervisor does for runs that it did not start itself, and with many, of every supervisor. */
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { stopTree } from './stop-tree.ts';
import type { RunEnd } from './supervisor.ts';
import { never, type Stage } from './supervisor-stage.fixture.ts';

/** Runs of an earlier supervisor. */
export function describeAdoption(stage: Stage): void {
  describe('a supervisor opened later', () => {
    it('sees, waits for and ends what an earlier one started', async () => {
      const ending = stage.sh('sleep 0.4; echo done; exit 6');
      const staying = stage.sh('sleep 60');
      const ended = stage.sh('exit 2');
      await stage.startSpec(ending);
      const started = await stage.startSpec(staying);
      await stage.runSpec(ended);
      await stage.reopen();
      expect(await stage.supervisor.list()).toEqual(
        [ending.key, staying.key, ended.key].sort((a, b) => (a.attemptId < b.attemptId ? -1 : 1)),
      );
      expect(await stage.supervisor.observe(staying.key)).toMatchObject({
        kind: 'running',
        pid: started.kind === 'started' ? started.pid : -1,
      });
      expect((await stage.endOf(ended.key)).end).toEqual({ kind: 'exited', code: 2 });
      expect((await stage.endOf(ending.key)).end).toEqual({ kind: 'exited', code: 6 });
      expect(stage.outputOf(ending)).toBe('done\n');
      await stopTree(
        { supervisor: stage.supervisor, clock: systemClock },
        staying.key,
        { signal: 'SIGTERM', graceMs: 1_000 },
        never,
      );
      expect((await stage.endOf(staying.key)).end).toMatchObject({ kind: 'signaled', signal: 'SIGTERM' });
    });

    it('finds the result of a run that ended while no supervisor was open', async () => {
      const spec = stage.sh('sleep 0.2; exit 8');
      await stage.startSpec(spec);
      await stage.reopen(() => systemClock.sleep(500, never));
      expect((await stage.endOf(spec.key)).end).toEqual({ kind: 'exited', code: 8 } satisfies RunEnd);
    });
  });
}

/** Many runs, removal, abort. */
export function describeHousekeeping(stage: Stage): void {
  it('keeps 200 runs at eight at once apart', async () => {
    const specs = Array.from({ length: 200 }, (_, index) => stage.sh(`echo ${index}; exit ${index % 100}`));
    const open = [...specs.entries()];
    const lane = async (): Promise<void> => {
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        expect((await stage.runSpec(next[1])).end).toEqual({ kind: 'exited', code: next[0] % 100 });
        expect(stage.outputOf(next[1])).toBe(`${next[0]}\n`);
        expect(stage.errorOf(next[1])).toBe('');
      }
    };
    await Promise.all(Array.from({ length: 8 }, lane));
  }, 30_000);

  it('removes the files of a run that ended, and refuses while it runs', async () => {
    const spec = stage.sh('sleep 60');
    await stage.startSpec(spec);
    await expect(stage.supervisor.remove(spec.key)).rejects.toMatchObject({ code: 'failed_precondition' });
    await stopTree(
      { supervisor: stage.supervisor, clock: systemClock },
      spec.key,
      { signal: 'SIGKILL', graceMs: 0 },
      never,
    );
    await stage.endOf(spec.key);
    await stage.supervisor.remove(spec.key);
    expect(await stage.supervisor.list()).toEqual([]);
    expect(await stage.supervisor.observe(spec.key)).toEqual({ kind: 'absent' });
    await stage.supervisor.remove(spec.key);
  });

  it('rejects with the reason when the waiting is aborted, and the run goes on', async () => {
    const spec = stage.sh('sleep 60');
    await stage.startSpec(spec);
    const controller = new AbortController();
    const waiting = stage.supervisor.ended(spec.key, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect((await stage.supervisor.observe(spec.key)).kind).toBe('running');
  });
}
