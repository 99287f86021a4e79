/** Simulated agents in some processes, enrolled and connected like real ones. */
import { readFileSync } from 'node:fs';
import type { RealCluster } from '@muster/testing/real/cluster';
import { ChildProgram, Fields } from '../child-program.ts';

/** Two: one core's worth of clients beside the orchestrator's, on a machine of two cores or more. */
const PROCESSES = 2;

/** What a fleet has seen since its sessions were opened. */
export interface FleetReport {
  /** Sessions that ended. */
  readonly lost: number;
  /** Heartbeats that were answered. */
  readonly heartbeats: number;
}

/** The fleet. Disposing ends its processes by pid. */
export class Fleet implements AsyncDisposable {
  readonly #programs: readonly ChildProgram[] = Array.from(
    { length: PROCESSES },
    () => new ChildProgram('fleet/fleet-program'),
  );

  /** Enrols so many agents, with one token for all. Each has a key, a certificate and a node of its own. */
  async enrol(cluster: RealCluster, count: number): Promise<void> {
    const { token } = await cluster.access.createJoinToken({ unlimitedUses: true });
    const { control_url: controlUrl, ca_file: caFile } = cluster.endpoints;
    const common = { kind: 'enrol', controlUrl, caPem: readFileSync(caFile, 'utf8'), joinToken: token };
    await this.#ask((index) => ({ ...common, network: index, count: Math.ceil(count / PROCESSES) }));
  }

  /** Opens all sessions; resolves when each was welcomed. */
  async open(): Promise<void> {
    await this.#ask(() => ({ kind: 'open' }));
  }

  async report(): Promise<FleetReport> {
    const reports = await this.#ask(() => ({ kind: 'report' }));
    const sum = (name: string): number => reports.reduce((total, fields) => total + fields.number(name), 0);
    return { lost: sum('lost'), heartbeats: sum('heartbeats') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program[Symbol.asyncDispose]()));
  }

  async #ask(request: (index: number) => unknown): Promise<readonly Fields[]> {
    return Promise.all(this.#programs.map(async (program, index) => new Fields(await program.ask(request(index)))));
  }
}
