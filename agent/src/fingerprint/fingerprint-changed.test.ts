import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { fingerprintChanged } from './fingerprint-changed.ts';

type Init = MessageInitShape<typeof FingerprintSchema>;
const GIB = 1024n ** 3n;
const changed = (before: Init, now: Init): boolean =>
  fingerprintChanged(create(FingerprintSchema, before), create(FingerprintSchema, now));
const free = (availableBytes: bigint): Init => ({
  disks: [{ mountPoint: '/', totalBytes: 100n * GIB, availableBytes }],
});
const charge = (percent: number, charging = false): Init => ({ battery: { percent, charging } });

describe('whether a fingerprint says something new', () => {
  it.each<[string, Init, Init, boolean]>([
    ['the same', free(GIB), free(GIB), false],
    ['uptime', { os: { uptime: { seconds: 1n } } }, { os: { uptime: { seconds: 99n } } }, false],
    ['available memory', { memory: { availableBytes: 1n } }, { memory: { availableBytes: GIB } }, false],
    ['total memory', { memory: { totalBytes: 1n } }, { memory: { totalBytes: GIB } }, true],
    ['5 % of free space', free(100n * GIB), free(95n * GIB), false],
    ['more than 5 % of free space', free(100n * GIB), free(95n * GIB - 1n), true],
    ['more than 5 % more space', free(20n * GIB), free(22n * GIB), true],
    ['a few bytes on a full disk', free(1024n), free(0n), false],
    ['a new disk', {}, free(GIB), true],
    ['a disk that went away', free(GIB), {}, true],
    ['four percent of charge', charge(80), charge(76), false],
    ['five percent of charge', charge(80), charge(75), true],
    ['the charger', charge(80), charge(80, true), true],
    ['an interpreter', {}, { interpreters: [{ name: 'sh' }] }, true],
    ['a failure', {}, { probeFailures: [{ probe: 'cpu', message: 'x' }] }, true],
    ['the engine going away', { containerEngine: { name: 'docker' } }, {}, true],
  ])('by %s', (_, before, now, expected) => {
    expect(changed(before, now)).toBe(expected);
  });

  it('changes neither of the two', () => {
    const [before, now] = [create(FingerprintSchema, free(100n)), create(FingerprintSchema, free(99n))];
    fingerprintChanged(before, now);
    expect([before.disks[0]?.availableBytes, now.disks[0]?.availableBytes]).toEqual([100n, 99n]);
  });
});
