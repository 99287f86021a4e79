/**
 * Resident memory of the orchestrator per connected agent: RSS while so many agents are connected and beat, less the RSS of
 * the same orchestrator before it knew any, by their number. Everything is counted that an agent brings: its TLS
 * connection, stream, node record and fingerprint, and garbage that nobody has collected; no collection is forced. The
 * orchestrator is started anew between enrolling and connecting, so that memory freed by the one does not hide the other.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RealCluster } from '@muster/testing/real/cluster';
import { tempDir } from '@muster/testing/temp-dir';
import { type Figure, figure, withGoal } from './figure.ts';
import { Fleet } from './fleet/fleet.ts';
import type { Scale } from './scale.ts';
import { median } from './statistics.ts';

const GOAL_KIB = 160;
/** RSS moves with the collector: the median of five seconds' samples stands for the state. */
const SAMPLES = 10;
const SAMPLE_EVERY_MS = 500;
/** After a start, until caches are filled and start-up garbage is collected or not. */
const BASELINE_SETTLE_MS = 3_000;

/** Measures it. @throws Error where a session was lost or no heartbeat was answered: then the figure would say nothing */
export async function measureAgentMemory(scale: Scale): Promise<readonly Figure[]> {
  await using directory = await tempDir();
  await using cluster = await RealCluster.start({ directory: directory.path });
  await using fleet = new Fleet();
  const beforeKib = await settledRssKib(cluster, BASELINE_SETTLE_MS);
  const enrolMs = await timed(() => fleet.enrol(cluster, scale.agents));
  await cluster.orchestrator.end('SIGTERM');
  await cluster.startOrchestrator();
  const openMs = await timed(() => fleet.open());
  const cpuBeforeMs = cpuMs(cluster.orchestrator.pid);
  const settledMs = await timed(() => sleep(scale.settleMs));
  const cpuPercent = ((cpuMs(cluster.orchestrator.pid) - cpuBeforeMs) / settledMs) * 100;
  const afterKib = await settledRssKib(cluster, 0);
  const { lost, heartbeats } = await fleet.report();
  if (lost > 0) throw new Error(`${lost} of ${scale.agents} sessions were lost`);
  if (heartbeats < scale.agents) throw new Error(`only ${heartbeats} heartbeats were answered`);
  const perAgent = (afterKib - beforeKib) / scale.agents;
  return [
    withGoal(figure('memory_per_agent', 'KiB', [perAgent]), `<= ${GOAL_KIB} KiB`, perAgent <= GOAL_KIB),
    figure(`rss_with_${scale.agents}_agents`, 'MiB', [afterKib / 1024]),
    figure('rss_with_no_agent', 'MiB', [beforeKib / 1024]),
    figure('cpu_of_heartbeats', '% of a core', [cpuPercent]),
    figure('agents_connected_per_second', '/s', [(scale.agents * 1000) / openMs]),
    figure('agents_enrolled_per_second', '/s', [(scale.agents * 1000) / enrolMs]),
  ];
}

async function settledRssKib(cluster: RealCluster, settleMs: number): Promise<number> {
  await sleep(settleMs);
  const samples: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    samples.push(rssKib(cluster.orchestrator.pid));
    await sleep(SAMPLE_EVERY_MS);
  }
  return median(samples);
}

function rssKib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kib === undefined) throw new Error(`process ${pid} has no VmRSS`);
  return Number(kib);
}

/** CPU time of a process, user and system. Linux counts it in hundredths of a second for user space, on every machine. */
function cpuMs(pid: number): number {
  // Fields 14 and 15, counted after the name in parentheses, which may hold spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}
