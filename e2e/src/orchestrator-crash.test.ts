// An orchestrator that dies at any moment: running jobs go on, nothing is lost, nothing runs twice.
import { readFileSync } from 'node:fs';
import { ConnectError } from '@connectrpc/connect';
import { afterAll, describe, expect, it } from '@jest/globals';
import { seededRandom } from '@muster/common/random/random';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { RealCluster } from '@muster/testing/real/cluster';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';

const JOBS = 300;
const KILLS = 10;
const seed = Number(process.env['MUSTER_SEED'] ?? 20_261_120);
let directory: TempDir;
let cluster: RealCluster | undefined;

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
}, 60_000);

describe('kill -9 of the orchestrator', () => {
  it(`lets ${JOBS} jobs run exactly once each, with all results and complete logs, over ${KILLS} kills`, async () => {
    process.stdout.write(`seed ${seed}\n`);
    directory = await tempDir();
    const started = await RealCluster.start({ directory: directory.path });
    cluster = started;
    await started.startAgent('alpha');
    await started.startAgent('beta');
    const marks = directory.join('marks');
    const submitting = submitAll(started, marks);
    await killTenTimes(started);
    const ids = await submitting;

    const outcomes = await Promise.all(ids.map((id) => resultOf(started, id)));
    expect(outcomes.filter((each) => each.text !== `${each.index} done\n`)).toEqual([]);
    const lines = readFileSync(marks, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    expect(lines.length).toBe(JOBS);
    expect(new Set(lines).size).toBe(JOBS);
  }, 240_000);
});

/** Submits with request ids, again after each failure: what a careful client does. */
async function submitAll(running: RealCluster, marks: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = 0; index < JOBS; index += 1) {
    const script = `echo ${index} >> ${marks}; sleep 0.${index % 10}; echo ${index} done`;
    const argv = ['sh', '-c', script];
    ids.push(
      await patiently(async () => {
        const { job } = await running.jobs.submitJob({
          requestId: `crash-${index}`,
          spec: { workload: { kind: { case: 'process', value: { argv } } } },
        });
        return job?.id ?? '';
      }),
    );
  }
  return ids;
}

async function killTenTimes(running: RealCluster): Promise<void> {
  const random = seededRandom(seed);
  for (let kill = 0; kill < KILLS; kill += 1) {
    await pause(200 + random.next() * 1_500);
    await running.orchestrator.end('SIGKILL');
    await running.startOrchestrator();
  }
}

async function resultOf(running: RealCluster, id: string): Promise<{ index: number; text: string }> {
  return patiently(async () => {
    const chunks: Buffer[] = [];
    let complete = false;
    for await (const { event } of running.jobs.readLogs({ jobId: id, follow: true, stream: OutputStream.STDOUT })) {
      if (event.case === 'data') chunks.push(Buffer.from(event.value.data));
      if (event.case === 'end') complete = event.value.complete;
    }
    const text = Buffer.concat(chunks).toString('utf8');
    return { index: Number.parseInt(text, 10), text: complete ? text : `incomplete: ${text}` };
  });
}

/** Tries again while the orchestrator is away. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (thrown) {
      if (attempt > 300 || !(thrown instanceof ConnectError)) throw thrown;
      await pause(100);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
