// An agent that is stopped and started, and one whose state directory was copied.
import { cpSync, existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AttemptState, type Job, JobState } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { RealCluster } from '@muster/testing/real/cluster';
import { RunningProgram } from '@muster/testing/real/program';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';

const PATIENCE_MS = 90_000;
let directory: TempDir;
let cluster: RealCluster;

beforeEach(async () => {
  directory = await tempDir();
  cluster = await RealCluster.start({ directory: directory.path, orchestratorArgs: ['--heartbeat-period', '500ms'] });
  await cluster.startAgent('alpha');
}, PATIENCE_MS);

afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
}, PATIENCE_MS);

async function submit(script: string): Promise<string> {
  const { job } = await cluster.jobs.submitJob({
    spec: { workload: { kind: { case: 'process', value: { argv: ['sh', '-c', script] } } } },
  });
  return job?.id ?? '';
}

async function ended(id: string) {
  return await eventually(
    async () => {
      const { job } = await cluster.jobs.getJob({ jobId: id });
      return job !== undefined && job.finishedTime !== undefined ? job : undefined;
    },
    { withinMs: 40_000, what: `the end of job ${id}` },
  );
}

describe('an agent that is stopped and started', () => {
  it(
    'needs no token, keeps its node, and still knows what it finished',
    async () => {
      const before = await cluster.nodes.getNode({ node: 'alpha' });
      await submit('exit 0').then(ended);
      await cluster.agent('alpha').end('SIGTERM');
      await cluster.startAgent('alpha');
      const after = await cluster.nodes.getNode({ node: 'alpha' });
      expect(after.node?.id).toBe(before.node?.id);
      const { job } = await ended(await submit('echo again')).then((done) => ({ job: done }));
      expect(job.state).toBe(JobState.SUCCEEDED);
    },
    PATIENCE_MS,
  );

  it(
    'delivers results and logs of what ended while it was cut off from the orchestrator',
    async () => {
      const mark = directory.join('mark');
      const id = await submit(`sleep 1; echo late; touch ${mark}; exit 4`);
      await begun(id);
      await cluster.orchestrator.end('SIGKILL');
      await eventually(() => existsSync(mark));
      await cluster.agent('alpha').end('SIGTERM');
      await cluster.startOrchestrator();
      await cluster.startAgent('alpha');
      const job = await ended(id);
      expect(howOf(job)).toMatchObject({ case: 'exited', value: { code: 4 } });
      expect((await cluster.muster(['logs', '-f', id])).stdout).toBe('late\n');
    },
    PATIENCE_MS,
  );

  it(
    'finds a job that goes on again after kill -9, and its end and output arrive',
    async () => {
      const id = await submit('echo first; sleep 3; echo last; exit 5');
      await begun(id);
      await cluster.agent('alpha').end('SIGKILL');
      await cluster.startAgent('alpha');
      const job = await ended(id);
      expect(howOf(job)).toMatchObject({ case: 'exited', value: { code: 5 } });
      expect((await cluster.muster(['logs', '-f', id])).stdout).toBe('first\nlast\n');
    },
    PATIENCE_MS,
  );
});

describe('a state directory that was copied', () => {
  it(
    'is noticed as a clone: the node gets no more work, and the reason names both',
    async () => {
      const copy = join(directory.path, 'copy');
      cpSync(cluster.stateDirectory('alpha'), copy, {
        recursive: true,
        // As a copied disk would be: files and directories, no sockets and pipes.
        filter: (path) => statSync(path).isFile() || statSync(path).isDirectory(),
      });
      await using clone = new RunningProgram(
        'muster-agent',
        ['--state-dir', copy, '--cloud-metadata', 'off'],
        join(directory.path, 'copy.log'),
      );
      const node = await eventually(
        async () => {
          const seen = (await cluster.nodes.getNode({ node: 'alpha' })).node;
          return seen?.quarantined === true ? seen : undefined;
        },
        { withinMs: 60_000, what: 'the quarantine' },
      );
      expect(clone.running).toBe(true);
      expect(node.quarantineReason).toMatch(/127\.0\.0\.1:\d+ and 127\.0\.0\.1:\d+/);
      await clone.end('SIGTERM');
      rmSync(copy, { recursive: true, force: true });
      const waiting = await submit('true');
      const { job } = await cluster.jobs.getJob({ jobId: waiting });
      expect(job?.tasks[0]?.message).toContain('quarantine');
      await cluster.nodes.uncordonNode({ node: 'alpha' });
      expect((await ended(waiting)).state).toBe(JobState.SUCCEEDED);
    },
    PATIENCE_MS,
  );
});

/** Until its run has begun: a job is called running as soon as a node may start it. */
async function begun(id: string): Promise<void> {
  await eventually(
    async () => {
      const { job } = await cluster.jobs.getJob({ jobId: id });
      return job?.tasks[0]?.attempts[0]?.state === AttemptState.RUNNING;
    },
    { withinMs: 20_000, what: `the beginning of job ${id}` },
  );
}

/** How the first attempt ended. */
function howOf(job: Job) {
  const outcome = job.tasks[0]?.attempts[0]?.outcome?.outcome;
  return outcome?.case === 'ended' ? outcome.value.how : outcome;
}
