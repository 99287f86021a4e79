import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { CpuSchema, DiskSchema, FingerprintSchema, GpuSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { ManualClock } from '@muster/testing/manual-clock';
import { fingerprintOf, runProbes } from './collect.ts';
import type { FingerprintPart, Probe } from './probe.ts';
import { never, testMachine } from './probe-context.fixture.ts';

const found = (name: string, part: FingerprintPart): Probe => ({ name, timeoutMs: 100, run: async () => ({ part }) });
const hung: Probe = { name: 'hung', timeoutMs: 1_000, run: () => new Promise(() => {}) };

describe('collecting a fingerprint', () => {
  it('joins the parts, lists of several probes included', async () => {
    await using machine = await testMachine();
    const probes = [
      found('cpu', { cpu: create(CpuSchema, { logicalCores: 4 }) }),
      found('gpu_a', { gpus: [create(GpuSchema, { uuid: 'a' })] }),
      found('gpu_b', { gpus: [create(GpuSchema, { uuid: 'b' })] }),
    ];
    const fingerprint = fingerprintOf(await runProbes(probes, machine.context, never));
    expect(fingerprint.cpu?.logicalCores).toBe(4);
    expect(fingerprint.gpus.map(({ uuid }) => uuid)).toEqual(['a', 'b']);
    expect(fingerprint.probeFailures).toEqual([]);
  });

  it('reports the reason of a broken probe and keeps all others', async () => {
    await using machine = await testMachine();
    const throwing: Probe = {
      name: 'throwing',
      timeoutMs: 100,
      run: () => {
        throw new Error('the tool\u0007 is\nbroken');
      },
    };
    const fingerprint = fingerprintOf(
      await runProbes([throwing, found('drivers', { drivers: ['script'] })], machine.context, never),
    );
    expect(fingerprint.drivers).toEqual(['script']);
    expect(fingerprint.probeFailures).toMatchObject([{ probe: 'throwing', message: 'the tool  is broken' }]);
  });

  it('abandons a probe that hangs and does not heed its signal, after its own timeout', async () => {
    const clock = new ManualClock();
    await using machine = await testMachine({ clock });
    const collecting = runProbes([hung, found('drivers', { drivers: ['script'] })], machine.context, never);
    await clock.advance(1_000);
    const fingerprint = fingerprintOf(await collecting);
    expect(fingerprint.probeFailures).toMatchObject([{ probe: 'hung', message: 'no answer within 1000 ms' }]);
    expect(fingerprint.drivers).toEqual(['script']);
    expect(clock.waiting).toBe(0);
  });

  it('rejects with the reason when it is aborted, and leaves no timer', async () => {
    const clock = new ManualClock();
    await using machine = await testMachine({ clock });
    const controller = new AbortController();
    const running = runProbes([hung], machine.context, controller.signal);
    controller.abort(new Error('stopping'));
    await expect(running).rejects.toThrow('stopping');
    expect(clock.waiting).toBe(0);
  });

  it('reports a complaint beside a good part', () => {
    const finding = { part: { drivers: ['script'] }, complaint: 'no answer about /mnt' };
    const fingerprint = fingerprintOf(new Map([['disks', { kind: 'found', finding }]]));
    expect(fingerprint).toMatchObject({ drivers: ['script'], probeFailures: [{ probe: 'disks' }] });
  });
});

describe('cleaning what probes found', () => {
  const clean = (part: FingerprintPart) => fingerprintOf(new Map([['p', { kind: 'found', finding: { part } }]]));

  it('removes control characters, direction marks and broken halves of characters, and bounds length', () => {
    const model = `  a\u001b[31mb\u202ec\ud800\n${'x'.repeat(5_000)}`;
    const text = clean({ cpu: create(CpuSchema, { model }) }).cpu?.model ?? '';
    expect(text.startsWith('a [31mbc\ufffd x')).toBe(true);
    expect(text).toHaveLength(1_024);
  });

  it('bounds the lists as the contract says', () => {
    const disks = Array.from({ length: 70 }, (_, index) => create(DiskSchema, { mountPoint: `/${index}` }));
    const gpus = Array.from({ length: 1_100 }, () => create(GpuSchema));
    const fingerprint = clean({ disks, gpus });
    expect([fingerprint.disks.length, fingerprint.gpus.length]).toEqual([64, 1_024]);
  });

  it('brings numbers into their range, so that the message can always be sent', () => {
    const cpu = create(CpuSchema, { logicalCores: Number.NaN, physicalCores: -1 });
    const disks = [create(DiskSchema, { totalBytes: -5n, availableBytes: 1n << 70n })];
    const fingerprint = clean({ cpu, disks });
    expect(() => toBinary(FingerprintSchema, fingerprint)).not.toThrow();
    expect(fingerprint.cpu).toMatchObject({ logicalCores: 0, physicalCores: 0 });
    expect(fingerprint.disks[0]).toMatchObject({ totalBytes: 0n, availableBytes: (1n << 64n) - 1n });
  });

  it('does not change what the probe holds', () => {
    const cpu = create(CpuSchema, { model: 'a\nb' });
    clean({ cpu });
    expect(cpu.model).toBe('a\nb');
  });
});
