import { describe, expect, it } from '@jest/globals';
import { dataMounts } from './mount-table.ts';

const paths = (text: string): string[] => dataMounts(text).map(({ mountPoint }) => mountPoint);

describe('the mounts that hold data', () => {
  it('leave out overlay, tmpfs, the kernel’s own, packages and the boot partition', () => {
    const text = [
      '22 27 0:21 / /proc rw,relatime - proc proc rw',
      '25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684084k',
      '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard',
      '29 27 254:16 / /usr/local/nvidia ro,nosuid,nodev,relatime - squashfs /dev/vdb ro,errors=continue',
      '30 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro',
      '31 27 8:1 / /boot/efi rw - vfat /dev/sda1 rw',
      '32 27 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw',
    ].join('\n');
    expect(dataMounts(text)).toEqual([{ mountPoint: '/', source: '/dev/vda', fileSystem: 'ext4', remote: false }]);
  });

  it('name a file system once, by the mount of its whole', () => {
    const text = [
      '40 1 8:2 /@home /home rw - btrfs /dev/sda2 rw',
      '41 1 8:2 / /mnt/whole/of/it rw - btrfs /dev/sda2 rw',
      '42 1 8:3 /a /srv/long rw - xfs /dev/sda3 rw',
      '43 1 8:3 /b /srv rw - xfs /dev/sda3 rw',
    ].join('\n');
    expect(paths(text)).toEqual(['/mnt/whole/of/it', '/srv']);
  });

  it('see only the last of what is mounted at one place', () => {
    const text = '40 1 8:2 / /data rw - ext4 /dev/sda2 rw\n41 1 0:50 / /data rw - tmpfs tmpfs rw';
    expect(paths(text)).toEqual([]);
  });

  it('read optional fields, spaces in paths, and network file systems', () => {
    const text = '44 1 0:70 / /mnt/my\\040share rw shared:1 master:2 - nfs4 server:/x\\134y rw';
    expect(dataMounts(text)).toEqual([
      { mountPoint: '/mnt/my share', source: 'server:/x\\y', fileSystem: 'nfs4', remote: true },
    ]);
  });

  it('pass over lines that they cannot read', () => {
    expect(paths('garbage\n\n1 2 3 - \n')).toEqual([]);
  });
});
