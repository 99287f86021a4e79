/**
 * One job's output until it is stored: from the call of SubmitJob until GetJob says that the log is complete with every
 * byte. Beside it a raw mutual TLS socket that stores nothing, in rounds that alternate with ours.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RealCluster } from '@muster/testing/real/cluster';
import { tempDir } from '@muster/testing/temp-dir';
import { comparedWith, type Figure, figure, withGoal } from './figure.ts';
import { startRawTlsPeer } from './peers/raw-tls.ts';
import type { Scale } from './scale.ts';
import { median } from './statistics.ts';
import type { JobClient } from './true-jobs.ts';

const GOAL_MB_PER_SECOND = 150;
/** Of ours; the peer, which needs half a second, is warmed up with a whole round. */
const WARM_UP_BYTES = 64 * 1024 * 1024;
/** Under a hundredth of what is measured. Asking every 5 ms took 8 % of the orchestrator's time. */
const POLL_MS = 20;
const LONGEST_MS = 120_000;

/** Measures it. */
export async function measureOutputRate(scale: Scale): Promise<readonly Figure[]> {
  await using directory = await tempDir();
  await using cluster = await RealCluster.start({ directory: directory.path });
  await cluster.startAgent('node-1');
  await using peer = await startRawTlsPeer();
  const { jobs } = cluster;
  await megabytesPerSecond(jobs, WARM_UP_BYTES);
  await peer.megabytesPerSecond(scale.outputBytes);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < scale.outputRounds; round += 1) {
    ours.push(await megabytesPerSecond(jobs, scale.outputBytes));
    theirs.push(await peer.megabytesPerSecond(scale.outputBytes));
  }
  const met = median(ours) >= GOAL_MB_PER_SECOND;
  const own = withGoal(figure('output_until_stored', 'MB/s', ours), `>= ${GOAL_MB_PER_SECOND} MB/s`, met);
  const name = 'raw_mtls_socket';
  return [comparedWith(own, ours, { name, rounds: theirs }), figure(name, 'MB/s', theirs)];
}

async function megabytesPerSecond(jobs: JobClient, sizeBytes: number): Promise<number> {
  const startedMs = performance.now();
  const { job } = await jobs.submitJob({
    spec: { workload: { kind: { case: 'process', value: { argv: ['sh', '-c', `yes | head -c ${sizeBytes}`] } } } },
  });
  if (job === undefined) throw new Error('SubmitJob answered without the job');
  while (!(await isStored(jobs, job.id, BigInt(sizeBytes)))) {
    if (performance.now() - startedMs > LONGEST_MS) throw new Error(`job ${job.id} took longer than ${LONGEST_MS} ms`);
    await sleep(POLL_MS);
  }
  return sizeBytes / 1000 / (performance.now() - startedMs);
}

/** @throws Error where the log is complete and not all of it was stored */
async function isStored(jobs: JobClient, jobId: string, sizeBytes: bigint): Promise<boolean> {
  const { job } = await jobs.getJob({ jobId });
  const streams = job?.tasks.at(0)?.attempts.at(-1)?.streams ?? [];
  const stored = streams.reduce((sum, stream) => sum + stream.storedBytes, 0n);
  const complete = job?.finishedTime !== undefined && streams.length > 0 && streams.every((stream) => stream.complete);
  if (complete && stored !== sizeBytes) throw new Error(`job ${jobId} stored ${stored} of ${sizeBytes} bytes`);
  return complete;
}
