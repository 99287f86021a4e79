// The main job of the product, on the real programs: a user runs something on nodes and gets output, result and reasons back.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobState } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { RealCluster } from '@muster/testing/real/cluster';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';

/** Programs start, enrol and run here; on a busy machine with two cores that takes seconds. */
const PATIENCE_MS = 60_000;

let directory: TempDir;
let cluster: RealCluster;

beforeAll(async () => {
  directory = await tempDir();
  cluster = await RealCluster.start({ directory: directory.path });
  await cluster.startAgent('alpha', ['--label', 'disk=ssd']);
  await cluster.startAgent('beta');
}, PATIENCE_MS);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
}, PATIENCE_MS);

describe('muster run', () => {
  it(
    'prints both streams and exits with the exit code of the job',
    async () => {
      const result = await cluster.muster(['run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
      expect(result.stdout).toBe('out\n');
      expect(result.stderr).toContain('err\n');
      expect(result.code).toBe(3);
    },
    PATIENCE_MS,
  );

  it(
    'reports per node with --all',
    async () => {
      const result = await cluster.muster(['run', '--all', '--', 'sh', '-c', 'echo I am $MUSTER_NODE']);
      expect(result.stderr).toBe('');
      expect(
        result.stdout
          .split('\n')
          .sort()
          .filter((line) => line !== ''),
      ).toEqual([expect.stringMatching(/^alpha\b.*I am/), expect.stringMatching(/^beta\b.*I am/)]);
      expect(result.code).toBe(0);
    },
    PATIENCE_MS,
  );

  it(
    'runs only where the labels match',
    async () => {
      const result = await cluster.muster(['run', '--label', 'disk=ssd', '-o', 'json', '--', 'true']);
      const job = JSON.parse(result.stdout);
      expect(job.tasks[0].attempts[0].nodeName).toBe('alpha');
      expect(job.id).toMatch(/^[0-9a-z]{26}$/);
    },
    PATIENCE_MS,
  );

  it(
    'gives a script from a file to its interpreter',
    async () => {
      const path = directory.join('sum.pl');
      writeFileSync(path, '#!/usr/bin/env perl\n$sum += $_ for 0..4;\nprint "$sum ", <STDIN>, "\\n";\n');
      const result = await cluster.muster(['run', '--script', path, '--stdin', '-'], 'from stdin');
      expect(result.stdout).toBe('10 from stdin\n');
    },
    PATIENCE_MS,
  );

  it(
    'exits with 128 + n when a signal ended the job',
    async () => {
      const result = await cluster.muster(['run', '--', 'sh', '-c', 'kill -9 $$']);
      expect(result.code).toBe(137);
    },
    PATIENCE_MS,
  );

  it(
    'exits with 125 and the reason when the job could not run',
    async () => {
      const result = await cluster.muster(['run', '--', '/no/such/program']);
      expect(result.code).toBe(125);
      expect(result.stderr).toContain('/no/such/program');
    },
    PATIENCE_MS,
  );

  it(
    'stops the job at its run timeout, with its whole tree',
    async () => {
      const marker = directory.join('late');
      const script = `trap '' TERM; (sleep 20; echo late > ${marker}) & wait; sleep 20`;
      const result = await cluster.muster(['run', '--timeout', '300ms', '--grace', '200ms', '--', 'sh', '-c', script]);
      expect(result.code).toBe(137);
      expect(result.stderr).toMatch(/timeout/);
    },
    PATIENCE_MS,
  );

  it(
    'passes variables, directory and arguments as they are',
    async () => {
      const args = [
        'run',
        '--env',
        'GREETING=a b$c',
        '--cwd',
        '/tmp',
        '--',
        'sh',
        '-c',
        'pwd; echo "$GREETING"; printf "%s|" "$@"',
        'x',
        "it's",
        '',
        '$HOME',
      ];
      const result = await cluster.muster(args);
      expect(result.stdout).toBe("/tmp\na b$c\nit's||$HOME|");
    },
    PATIENCE_MS,
  );
});

describe('muster job get', () => {
  it(
    'shows the end, CPU time, peak memory, bytes and node',
    async () => {
      const run = await cluster.muster(['run', '-o', 'json', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
      const { id } = JSON.parse(run.stdout);
      const shown = await cluster.muster(['job', 'get', id]);
      expect(shown.stdout).toContain('exited(3)');
      expect(shown.stdout).toMatch(/cpu/i);
      expect(shown.stdout).toMatch(/peak.*memory|memory.*peak/i);
      expect(shown.stdout).toMatch(/alpha|beta/);
      expect(shown.stdout).toMatch(/stdout +4B, complete/);
      const { job } = await cluster.jobs.getJob({ jobId: id });
      const outcome = job?.tasks[0]?.attempts[0]?.outcome?.outcome;
      expect(outcome?.case === 'ended' ? outcome.value.usage?.peakMemoryBytes : 0n).toBeGreaterThan(0n);
    },
    PATIENCE_MS,
  );
});

describe('cancelling', () => {
  it(
    'ends a running job and its tree',
    async () => {
      const detached = await cluster.muster([
        'run',
        '--detach',
        '-o',
        'json',
        '--',
        'sh',
        '-c',
        'sleep 300 & echo $!; wait',
      ]);
      const { id } = JSON.parse(detached.stdout);
      await eventually(async () => (await cluster.jobs.getJob({ jobId: id })).job?.state === JobState.RUNNING, {
        withinMs: 20_000,
      });
      const childPid = await eventually(
        async () => {
          const logs = await cluster.muster(['logs', id]);
          return logs.stdout.trim() || undefined;
        },
        { withinMs: 20_000 },
      );
      expect((await cluster.muster(['cancel', id])).code).toBe(0);
      await eventually(async () => (await cluster.jobs.getJob({ jobId: id })).job?.state === JobState.CANCELLED, {
        withinMs: 20_000,
      });
      expect(lives(childPid)).toBe(false);
    },
    PATIENCE_MS,
  );

  it(
    'kills after the grace what ignores the signal, also when the main process has gone before',
    async () => {
      const script = '(trap "" TERM; exec sleep 300) & echo $!; wait';
      const args = ['run', '--detach', '--grace', '500ms', '-o', 'json', '--', 'sh', '-c', script];
      const { id } = JSON.parse((await cluster.muster(args)).stdout);
      const childPid = await eventually(async () => (await cluster.muster(['logs', id])).stdout.trim() || undefined, {
        withinMs: 20_000,
      });
      await cluster.muster(['cancel', id]);
      await eventually(async () => (await cluster.jobs.getJob({ jobId: id })).job?.state === JobState.CANCELLED, {
        withinMs: 20_000,
      });
      expect(lives(childPid)).toBe(false);
    },
    PATIENCE_MS,
  );

  it(
    'ends a job that waits for a node',
    async () => {
      const detached = await cluster.muster(['run', '--detach', '-o', 'json', '--label', 'disk=none', '--', 'true']);
      const { id } = JSON.parse(detached.stdout);
      const waiting = await cluster.muster(['job', 'get', id]);
      expect(waiting.stdout).toContain('disk=none');
      await cluster.muster(['cancel', id]);
      const { job } = await cluster.jobs.getJob({ jobId: id });
      expect(job?.state).toBe(JobState.CANCELLED);
    },
    PATIENCE_MS,
  );
});

describe('muster nodes', () => {
  it(
    'lists the nodes with what they are',
    async () => {
      const result = await cluster.muster(['nodes', '-o', 'json']);
      const names = JSON.parse(result.stdout).nodes.map((node: { name: string }) => node.name);
      expect(names).toEqual(['alpha', 'beta']);
      const alpha = await cluster.muster(['node', 'get', 'alpha']);
      expect(alpha.stdout).toContain('disk=ssd');
    },
    PATIENCE_MS,
  );

  it(
    'labels a node, and jobs find it by that',
    async () => {
      await cluster.muster(['node', 'label', 'beta', 'rack=7']);
      const result = await cluster.muster(['run', '--label', 'rack=7', '-o', 'json', '--', 'true']);
      expect(JSON.parse(result.stdout).tasks[0].attempts[0].nodeName).toBe('beta');
      await cluster.muster(['node', 'label', 'beta', 'rack-']);
    },
    PATIENCE_MS,
  );
});

/** Whether a process runs; one that has ended and was not looked after yet does not. */
function lives(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
