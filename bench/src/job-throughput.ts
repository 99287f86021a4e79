/** Jobs per second on one node, eight clients' worth at once over one connection; beside it `ssh` over a ControlMaster, eight at once. */
import { RealCluster } from '@muster/testing/real/cluster';
import { tempDir } from '@muster/testing/temp-dir';
import { comparedWith, type Figure, figure, withGoal } from './figure.ts';
import { startSshPeer } from './peers/ssh-peer.ts';
import type { Scale } from './scale.ts';
import { median } from './statistics.ts';
import { runManyTrue } from './true-jobs.ts';

const AT_ONCE = 8;
const GOAL_PER_SECOND = 200;
/** As for the latency: until compiled code and caches are what they are in use. */
const WARM_UP_JOBS = 200;

/** Measures it. */
export async function measureJobThroughput(scale: Scale): Promise<readonly Figure[]> {
  await using directory = await tempDir();
  await using cluster = await RealCluster.start({ directory: directory.path });
  await cluster.startAgent('node-1');
  await using ssh = await startSshPeer(directory.path);
  const { jobs } = cluster;
  await runManyTrue(jobs, WARM_UP_JOBS, AT_ONCE);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < scale.rounds; round += 1) {
    const startedMs = performance.now();
    await runManyTrue(jobs, scale.concurrentJobs, AT_ONCE);
    ours.push((scale.concurrentJobs * 1000) / (performance.now() - startedMs));
    if (ssh !== undefined) theirs.push(await ssh.runsPerSecond(scale.concurrentJobs, AT_ONCE));
  }
  const met = median(ours) >= GOAL_PER_SECOND;
  const own = withGoal(figure('jobs_per_second_8_at_once', '/s', ours), `>= ${GOAL_PER_SECOND} /s`, met);
  if (theirs.length === 0) return [own];
  const name = 'ssh_multiplexed_per_second_8_at_once';
  return [comparedWith(own, ours, { name, rounds: theirs }), figure(name, '/s', theirs)];
}
