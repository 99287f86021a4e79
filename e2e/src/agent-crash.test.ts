// An agent that dies at any moment, again and again: no run is ever started twice, every job is told, and while the agent
// is away its job is visibly unknown.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { seededRandom } from '@muster/common/random/random';
import { AttemptState, JobState } from '@muster/gen/muster/job/v1/status_pb';
import { NodeState } from '@muster/gen/muster/node/v1/node_pb';
import { eventually } from '@muster/testing/eventually';
import { RealCluster } from '@muster/testing/real/cluster';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';

const JOBS = 60;
const KILLS = 6;
const seed = Number(process.env['MUSTER_SEED'] ?? 20_261_120);
jest.setTimeout(120_000);
let directory: TempDir;
let cluster: RealCluster;

beforeAll(async () => {
  directory = await tempDir();
  cluster = await RealCluster.start({ directory: directory.path, orchestratorArgs: ['--heartbeat-period', '500ms'] });
  await cluster.startAgent('alpha');
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
});

async function submit(script: string): Promise<string> {
  const { job } = await cluster.jobs.submitJob({
    spec: { workload: { kind: { case: 'process', value: { argv: ['sh', '-c', script] } } } },
  });
  return job?.id ?? '';
}

async function jobOf(jobId: string) {
  const { job } = await cluster.jobs.getJob({ jobId });
  if (job === undefined) throw new Error(`there is no job ${jobId}`);
  return job;
}

async function ended(jobId: string) {
  return await eventually(
    async () => {
      const job = await jobOf(jobId);
      return job.finishedTime === undefined ? undefined : job;
    },
    { withinMs: 60_000, everyMs: 50, what: `the end of job ${jobId}` },
  );
}

describe('kill -9 of the agent', () => {
  it(`starts none of ${JOBS} jobs twice over ${KILLS} kills, and tells the end of each`, async () => {
    process.stdout.write(`seed ${seed}\n`);
    const marks = directory.join('marks');
    const ids = await Promise.all(
      Array.from({ length: JOBS }, (_, index) =>
        submit(`echo ${index} >> ${marks}; sleep 0.${index % 10}; echo ${index} done`),
      ),
    );
    const random = seededRandom(seed);
    for (let kill = 0; kill < KILLS; kill += 1) {
      await pause(random.next() * 250);
      await cluster.agent('alpha').end('SIGKILL');
      await cluster.startAgent('alpha');
    }
    const jobs = await Promise.all(ids.map(ended));
    const started = readFileSync(marks, 'utf8').trim().split('\n').map(Number);
    expect(started.filter((index, at) => started.indexOf(index) !== at)).toEqual([]);
    // Whoever reads a result can rely on it: what succeeded ran, and what is said never to have run left no trace.
    for (const [index, job] of jobs.entries()) {
      const ran = started.includes(index);
      const outcome = job.tasks[0]?.attempts.at(-1)?.outcome?.outcome;
      if (job.state === JobState.SUCCEEDED) expect([index, ran]).toEqual([index, true]);
      else expect([index, outcome?.case]).toEqual([index, expect.stringMatching(/^(?:ended|notRun)$/)]);
      if (outcome?.case === 'notRun') expect([index, ran]).toEqual([index, false]);
    }
    expect(jobs.filter((job) => job.state === JobState.SUCCEEDED)).toHaveLength(JOBS);
  });

  it('shows a job as unknown while its agent is away, keeps a cancel, and carries it out when the agent is back', async () => {
    const jobId = await submit('sleep 60');
    await eventually(async () => (await jobOf(jobId)).tasks[0]?.attempts[0]?.state === AttemptState.RUNNING);
    await cluster.agent('alpha').end('SIGKILL');
    await eventually(async () => (await jobOf(jobId)).tasks[0]?.attempts[0]?.unknown === true, { withinMs: 20_000 });
    expect((await cluster.nodes.getNode({ node: 'alpha' })).node?.state).toBe(NodeState.UNREACHABLE);
    expect((await jobOf(jobId)).state).toBe(JobState.RUNNING);
    const { job } = await cluster.jobs.cancelJob({ jobId });
    expect(job?.cancelRequestedTime).toBeDefined();
    expect(job?.finishedTime).toBeUndefined();
    await cluster.startAgent('alpha');
    const done = await ended(jobId);
    expect(done.state).toBe(JobState.CANCELLED);
    expect(done.tasks[0]?.attempts[0]?.unknown).toBe(false);
  });
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
