// Two agents with twenty jobs at once each, for minutes: nothing grows that should not.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing/eventually';
import { RealCluster } from '@muster/testing/real/cluster';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';

const AT_ONCE_PER_AGENT = 20;
/** Five minutes, or what the environment allows. */
const DURATION_MS = Math.min(300, Number(process.env['MUSTER_LONG_BUDGET_S'] ?? 300)) * 1000;
let directory: TempDir;
let cluster: RealCluster | undefined;

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
}, 60_000);

interface Footprint {
  readonly handles: number;
  readonly children: number;
  readonly rssMib: number;
}

function footprintOf(pid: number): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    handles: readdirSync(`/proc/${pid}/fd`).length,
    children: readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter((each) => each !== '').length,
    rssMib: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024),
  };
}

function filesBelow(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true }).filter((each) => each.isFile()).length;
}

describe('a soak', () => {
  it(
    `leaves no growth in handles, processes or files after ${DURATION_MS / 1000} s`,
    async () => {
      directory = await tempDir();
      const running = await RealCluster.start({ directory: directory.path });
      cluster = running;
      for (const name of ['alpha', 'beta']) await running.startAgent(name);
      const measure = () => ({
        orchestrator: footprintOf(running.orchestrator.pid),
        alpha: { ...footprintOf(running.agent('alpha').pid), files: filesBelow(running.stateDirectory('alpha')) },
        beta: { ...footprintOf(running.agent('beta').pid), files: filesBelow(running.stateDirectory('beta')) },
      });
      const jobs = running.jobs;
      let done = 0;
      const work = async (untilMs: number): Promise<void> => {
        for (let turn = 0; performance.now() < untilMs; turn += 1) {
          const script = `echo "job ${turn}"; head -c ${turn % 3000} /dev/zero; sleep 0.${turn % 10}; exit ${turn % 3}`;
          const argv = ['sh', '-c', script];
          const { job } = await jobs.submitJob({
            spec: { workload: { kind: { case: 'process', value: { argv } } } },
            wait: { seconds: 60n },
          });
          if (job?.finishedTime === undefined) throw new Error(`job ${job?.id} did not end`);
          done += 1;
        }
      };
      const load = (ms: number) => {
        const untilMs = performance.now() + ms;
        return Promise.all(Array.from({ length: 2 * AT_ONCE_PER_AGENT }, () => work(untilMs)));
      };
      // A first stretch fills caches and pools; what grows after it, grows.
      await load(Math.min(10_000, DURATION_MS / 4));
      const before = await settled(measure);
      await load(DURATION_MS);
      const after = await settled(measure);
      process.stdout.write(`${done} jobs; before ${JSON.stringify(before)}; after ${JSON.stringify(after)}\n`);
      for (const who of ['orchestrator', 'alpha', 'beta'] as const) {
        expect(after[who].handles).toBeLessThanOrEqual(before[who].handles + 5);
        expect(after[who].children).toBeLessThanOrEqual(before[who].children);
      }
      expect(after.alpha.files).toBeLessThanOrEqual(before.alpha.files + 2);
      expect(after.beta.files).toBeLessThanOrEqual(before.beta.files + 2);
    },
    DURATION_MS + 240_000,
  );
});

/** Takes the measure once two in a row say the same of files and handles. */
async function settled<T>(measure: () => T): Promise<T> {
  let last = '';
  return await eventually(
    () => {
      const now = measure();
      const text = JSON.stringify(now, (key, value) => (key === 'rssMib' ? undefined : value));
      const same = text === last;
      last = text;
      return same ? now : undefined;
    },
    { withinMs: 60_000, everyMs: 2_000, what: 'a quiet cluster' },
  );
}
