/**
 * Submit → exit of `true`, one after the other: a client with an open connection calls SubmitJob with `wait` and has the
 * durable result. Beside it, `ssh` over a ControlMaster to a private sshd, in rounds that alternate with ours.
 */
import { RealCluster } from '@muster/testing/real/cluster';
import { tempDir } from '@muster/testing/temp-dir';
import { comparedWith, type Figure, figure, withGoal } from './figure.ts';
import { type SshPeer, startSshPeer } from './peers/ssh-peer.ts';
import type { Scale } from './scale.ts';
import { median, percentile } from './statistics.ts';
import { type JobClient, runTrue } from './true-jobs.ts';

/** p50 against multiplexed ssh. */
const GOAL_RATIO = 1.5;
/** Until compiled code, caches and the journal are what they are in use. */
const WARM_UP_JOBS = 100;

/** Measures it. */
export async function measureSubmitLatency(scale: Scale): Promise<readonly Figure[]> {
  await using directory = await tempDir();
  await using cluster = await RealCluster.start({ directory: directory.path });
  await cluster.startAgent('node-1');
  await using ssh = await startSshPeer(directory.path);
  const { jobs } = cluster;
  await latenciesMs(jobs, WARM_UP_JOBS);
  await ssh?.latenciesMs(WARM_UP_JOBS / 5);
  return figuresOf(await measureRounds(jobs, ssh, scale));
}

interface Rounds {
  readonly ours: readonly (readonly number[])[];
  readonly ssh: readonly (readonly number[])[];
}

async function measureRounds(jobs: JobClient, ssh: SshPeer | undefined, scale: Scale): Promise<Rounds> {
  const ours: number[][] = [];
  const theirs: (readonly number[])[] = [];
  for (let round = 0; round < scale.rounds; round += 1) {
    ours.push(await latenciesMs(jobs, scale.sequentialJobs));
    if (ssh !== undefined) theirs.push(await ssh.latenciesMs(scale.sequentialJobs));
  }
  return { ours, ssh: theirs };
}

async function latenciesMs(jobs: JobClient, count: number): Promise<number[]> {
  const latencies: number[] = [];
  for (let job = 0; job < count; job += 1) {
    const startedMs = performance.now();
    await runTrue(jobs);
    latencies.push(performance.now() - startedMs);
  }
  return latencies;
}

function figuresOf({ ours, ssh }: Rounds): readonly Figure[] {
  const of = (rounds: Rounds['ours'], share: number) => rounds.map((round) => percentile(round, share));
  const [p50, p99] = [of(ours, 0.5), of(ours, 0.99)];
  const [sshP50, sshP99] = [of(ssh, 0.5), of(ssh, 0.99)];
  const ownP50 = figure('submit_to_exit_p50', 'ms', p50);
  const ownP99 = figure('submit_to_exit_p99', 'ms', p99);
  if (ssh.length === 0) return [ownP50, ownP99];
  const ratio = median(p50.map((value, round) => value / (sshP50[round] ?? Number.NaN)));
  return [
    withGoal(
      comparedWith(ownP50, p50, { name: 'ssh_multiplexed_p50', rounds: sshP50 }),
      `<= ${GOAL_RATIO} x ssh`,
      ratio <= GOAL_RATIO,
    ),
    comparedWith(ownP99, p99, { name: 'ssh_multiplexed_p99', rounds: sshP99 }),
    figure('ssh_multiplexed_p50', 'ms', sshP50),
    figure('ssh_multiplexed_p99', 'ms', sshP99),
  ];
}
