import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { expectNoLeaks } from '@muster/testing/leak-check';
import { fingerprintOf, runProbes } from './collect.ts';
import { never } from './probe-context.fixture.ts';
import { runCommand } from './run-command.ts';
import { standardProbes } from './standard-probes.ts';

const names = (cloudMetadata: boolean): string[] =>
  standardProbes({ drivers: [], cloudMetadata }).map(({ name }) => name);

describe('the standard probes', () => {
  it('have names of their own, and ask no cloud when that is switched off', () => {
    expect(new Set(names(true)).size).toBe(names(true).length);
    expect(names(true)).toContain('cloud');
    expect(names(false)).not.toContain('cloud');
  });

  it('find out about the machine that they run on, and leave nothing behind', async () => {
    const { platform, env: environment } = process;
    const context = { platform, root: '/', environment, clock: systemClock, runCommand };
    await expectNoLeaks(async () => {
      const probes = standardProbes({ drivers: ['script', 'process'], cloudMetadata: false });
      const fingerprint = fingerprintOf(await runProbes(probes, context, never));
      expect(fingerprint.cpu?.logicalCores).toBeGreaterThan(0);
      expect(fingerprint.memory?.totalBytes).toBeGreaterThan(0n);
      expect(fingerprint.os?.platform).toBe(platform);
      expect(fingerprint.interpreters.map(({ name }) => name)).toContain('sh');
      expect(fingerprint.supervision).toMatchObject({ supervisor: 'sh', canLimit: false, canSwitchUser: false });
      expect(fingerprint.drivers).toEqual(['script', 'process']);
    });
  });

  it.each(['linux', 'darwin'])(
    'crash on no platform: what is missing on %s is a failure with a reason',
    async (platform) => {
      const context = { platform, root: '/no/such/root', environment: {}, clock: systemClock, runCommand };
      const fingerprint = fingerprintOf(
        await runProbes(standardProbes({ drivers: [], cloudMetadata: false }), context, never),
      );
      expect(fingerprint.supervision).toBeDefined();
      for (const { message } of fingerprint.probeFailures) expect(message).not.toBe('');
    },
  );
});
