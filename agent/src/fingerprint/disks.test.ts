import { statfs } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@muster/testing/manual-clock';
import { disksProbe } from './disks.ts';
import { never, testMachine } from './probe-context.fixture.ts';

const local = '27 1 254:0 / / rw - ext4 /dev/vda rw\n';
const remote = '44 1 0:70 / /mnt/share rw - nfs4 server:/x rw\n';

describe('the disks probe', () => {
  it('gives size and what ordinary users may fill, as the system does', async () => {
    await using machine = await testMachine({ files: { '/proc/self/mountinfo': local } });
    const { part, complaint } = await disksProbe.run(machine.context, never);
    const { blocks, bsize } = await statfs(machine.dir.path, { bigint: true });
    expect(part.disks).toMatchObject([
      { mountPoint: '/', device: '/dev/vda', fileSystem: 'ext4', totalBytes: blocks * bsize },
    ]);
    expect(part.disks?.[0]?.availableBytes).toBeGreaterThan(0n);
    expect(complaint).toBeUndefined();
  });

  it('leaves out a file that is mounted, as containers have them', async () => {
    const files = { '/proc/self/mountinfo': '27 1 254:0 /h /etc/hosts rw - ext4 /dev/vda rw', '/etc/hosts': '' };
    await using machine = await testMachine({ files });
    expect((await disksProbe.run(machine.context, never)).part.disks).toEqual([]);
  });

  it('asks about a network file system through another program', async () => {
    await using machine = await testMachine({
      files: { '/proc/self/mountinfo': remote },
      programs: { stat: "echo '4096 100 25'" },
    });
    expect((await disksProbe.run(machine.context, never)).part.disks).toMatchObject([
      { mountPoint: '/mnt/share', device: 'server:/x', totalBytes: 409_600n, availableBytes: 102_400n },
    ]);
  });

  it('gives up a server that is gone after two seconds, names it, and keeps the other disks', async () => {
    const clock = new ManualClock();
    const files = { '/proc/self/mountinfo': local + remote };
    await using machine = await testMachine({ files, programs: { stat: 'exec sleep 600' }, clock });
    const looking = disksProbe.run(machine.context, never);
    await clock.waitUntilSleepers(1);
    await clock.advance(2_000);
    const { part, complaint } = await looking;
    expect(part.disks?.map(({ mountPoint }) => mountPoint)).toEqual(['/']);
    expect(complaint).toBe('no answer about /mnt/share');
  });

  it('asks systeminformation on other systems', async () => {
    await using machine = await testMachine({ platform: 'darwin' });
    expect((await disksProbe.run(machine.context, never)).part.disks).toBeDefined();
  });
});
