import { hostname, release } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { osProbe, parseOsRelease } from './os.ts';
import { never, testMachine } from './probe-context.fixture.ts';

describe('the operating system probe', () => {
  it('reads distribution, version and boot id from files, and the rest from the running system', async () => {
    const files = {
      '/etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID="12"\nID=debian\n',
      '/proc/sys/kernel/random/boot_id': '330215f4-2a4a-4658-9f20-86aeb55a8869\n',
    };
    await using machine = await testMachine({ files });
    const { os } = (await osProbe.run(machine.context, never)).part;
    expect(os).toMatchObject({
      platform: 'linux',
      distribution: 'debian',
      version: '12',
      kernel: release(),
      hostname: hostname(),
      bootId: '330215f4-2a4a-4658-9f20-86aeb55a8869',
    });
    expect(os?.uptime?.seconds).toBeGreaterThan(0n);
  });

  it('looks in /usr/lib where /etc has no os-release', async () => {
    await using machine = await testMachine({ files: { '/usr/lib/os-release': "ID='alpine'\nVERSION_ID=3.20.1\n" } });
    expect((await osProbe.run(machine.context, never)).part.os).toMatchObject({
      distribution: 'alpine',
      version: '3.20.1',
    });
  });

  it('knows a rolling distribution by its build', () => {
    expect(parseOsRelease('ID=arch\nBUILD_ID=rolling')).toEqual({ distribution: 'arch', version: 'rolling' });
  });

  it('leaves empty what a bare system does not say', async () => {
    await using machine = await testMachine();
    expect((await osProbe.run(machine.context, never)).part.os).toMatchObject({
      distribution: '',
      version: '',
      bootId: '',
    });
  });
});
