import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { ContainerEngineSchema, type Fingerprint } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { ManualClock } from '@muster/testing/manual-clock';
import { runCapabilityReporterLoop } from './capability-reporter-loop.ts';
import { runProbes } from './collect.ts';
import type { Probe, ProbeFinding } from './probe.ts';
import { never, testMachine } from './probe-context.fixture.ts';

/** A probe that does what the test says next, and else what it did last. */
class ScriptedProbe implements Probe {
  readonly name: string;
  readonly timeoutMs = 1_000;
  readonly periodMs?: number;
  runs = 0;
  next: ProbeFinding | Error;

  constructor(name: string, first: ProbeFinding | Error, periodMs?: number) {
    this.name = name;
    this.next = first;
    if (periodMs !== undefined) this.periodMs = periodMs;
  }

  async run(): Promise<ProbeFinding> {
    this.runs += 1;
    if (this.next instanceof Error) throw this.next;
    return this.next;
  }
}

const engine = (version: string): ProbeFinding => ({
  part: { containerEngine: create(ContainerEngineSchema, { name: 'docker', version }) },
});

async function started(...probes: Probe[]) {
  const clock = new ManualClock();
  const machine = await testMachine({ clock });
  const { context } = machine;
  const controller = new AbortController();
  const reports: Fingerprint[] = [];
  const first = await runProbes(probes, context, never);
  const deps = { probes, context, first, report: (fingerprint: Fingerprint): void => void reports.push(fingerprint) };
  const loop = runCapabilityReporterLoop(deps, controller.signal);
  const ended = loop.catch((error: unknown) => error);
  return {
    clock,
    reports,
    loop,
    async [Symbol.asyncDispose]() {
      controller.abort(new Error('the test is over'));
      await ended;
      expect(clock.waiting).toBe(0);
      await machine[Symbol.asyncDispose]();
    },
  };
}

describe('the capability reporter loop', () => {
  it('reports when a part changed, and is silent while nothing does', async () => {
    const probe = new ScriptedProbe('container_engine', engine('1'), 30_000);
    await using test = await started(probe);
    await test.clock.advance(90_000);
    expect([probe.runs, test.reports.length]).toEqual([4, 0]);
    probe.next = engine('2');
    await test.clock.advance(30_000);
    probe.next = { part: {} };
    await test.clock.advance(60_000);
    expect(test.reports.map(({ containerEngine }) => containerEngine?.version)).toEqual(['2', undefined]);
  });

  it('runs each probe at its own period, and one without a period only once', async () => {
    const [often, rare, once] = [
      new ScriptedProbe('often', { part: {} }, 30_000),
      new ScriptedProbe('rare', { part: {} }, 300_000),
      new ScriptedProbe('once', { part: { drivers: ['script'] } }),
    ];
    await using test = await started(often, rare, once);
    await test.clock.advance(300_000);
    expect([often.runs, rare.runs, once.runs]).toEqual([11, 2, 1]);
  });

  it('keeps what probes that were not due had found', async () => {
    const probe = new ScriptedProbe('container_engine', engine('1'), 30_000);
    await using test = await started(probe, new ScriptedProbe('once', { part: { drivers: ['script'] } }));
    probe.next = engine('2');
    await test.clock.advance(30_000);
    expect(test.reports).toMatchObject([{ drivers: ['script'], containerEngine: { version: '2' } }]);
  });

  it('forgives two failures in a row, and reports the third with its reason', async () => {
    const probe = new ScriptedProbe('container_engine', engine('1'), 30_000);
    await using test = await started(probe);
    probe.next = new Error('no answer');
    await test.clock.advance(60_000);
    expect(test.reports).toEqual([]);
    await test.clock.advance(30_000);
    expect(test.reports).toMatchObject([{ probeFailures: [{ probe: 'container_engine', message: 'no answer' }] }]);
    expect(test.reports[0]?.containerEngine).toBeUndefined();
    probe.next = engine('1');
    await test.clock.advance(30_000);
    expect(test.reports[1]).toMatchObject({ containerEngine: { version: '1' }, probeFailures: [] });
  });

  it('tries a probe that is asked once again when it failed', async () => {
    const probe = new ScriptedProbe('drivers', new Error('busy booting'));
    await using test = await started(probe);
    probe.next = { part: { drivers: ['script'] } };
    await test.clock.advance(300_000);
    expect(test.reports).toMatchObject([{ drivers: ['script'], probeFailures: [] }]);
    await test.clock.advance(3_600_000);
    expect(probe.runs).toBe(2);
  });

  it('runs a probe again when its finding asks for it, and never after one that does not', async () => {
    const probe = new ScriptedProbe('cloud', { part: {}, againInMs: 30_000 });
    await using test = await started(probe, new ScriptedProbe('other', { part: {} }, 60_000));
    await test.clock.advance(30_000);
    probe.next = { part: {} };
    await test.clock.advance(600_000);
    expect(probe.runs).toBe(3);
  });

  it('returns when no probe is ever due again', async () => {
    await using test = await started(new ScriptedProbe('once', { part: {} }));
    await expect(test.loop).resolves.toBeUndefined();
  });

  it('rejects with the reason when it is aborted', async () => {
    const test = await started(new ScriptedProbe('often', { part: {} }, 30_000));
    const ending = expect(test.loop).rejects.toThrow('the test is over');
    await test[Symbol.asyncDispose]();
    await ending;
  });
});
