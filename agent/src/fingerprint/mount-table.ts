/** Reads /proc/self/mountinfo (see proc_pid_mountinfo(5)) and picks the file systems that hold data. */

/** A mount. */
export interface Mount {
  readonly mountPoint: string;
  /** The device or source, for example "/dev/sda1" or "server:/export". */
  readonly source: string;
  readonly fileSystem: string;
  /** Its files come over a network, so asking about it can hang. */
  readonly remote: boolean;
}

interface Line extends Mount {
  /** Major and minor number: the same for every mount of one file system. */
  readonly device: string;
  /** Which directory of the file system is mounted here; "/" for all of it. */
  readonly within: string;
}

/** What is on discs. Left out on purpose: overlay, tmpfs and the kernel's own; squashfs and iso9660, which are packages; vfat, which is where machines boot from. */
const localFileSystems: ReadonlySet<string> = new Set(
  'ext2 ext3 ext4 xfs btrfs zfs f2fs jfs reiserfs bcachefs nilfs2 ntfs ntfs3 exfat ocfs2 gfs2 fuseblk'.split(' '),
);
const remoteFileSystems: ReadonlySet<string> = new Set(
  'nfs nfs4 cifs smb3 ceph glusterfs fuse.glusterfs lustre beegfs gpfs 9p virtiofs fuse.sshfs fuse.s3fs afs'.split(' '),
);

/**
 * The mounts of data, one for each file system: of several mounts of the same one (bind mounts, btrfs subvolumes) that
 * of its whole, else the one with the shortest path. Sorted by mount point, so "/" comes first.
 */
export function dataMounts(mountInfo: string): Mount[] {
  const visible = new Map<string, Line>();
  // A later mount hides an earlier one at the same place.
  for (const line of mountInfo.split('\n').flatMap(parseLine)) visible.set(line.mountPoint, line);
  const best = new Map<string, Line>();
  for (const line of visible.values()) {
    const before = best.get(line.device);
    if (holdsData(line) && (before === undefined || isBetter(line, before))) best.set(line.device, line);
  }
  return [...best.values()]
    .map(({ mountPoint, source, fileSystem, remote }) => ({ mountPoint, source, fileSystem, remote }))
    .sort((a, b) => (a.mountPoint < b.mountPoint ? -1 : 1));
}

function parseLine(text: string): Line[] {
  const [left, right] = text.split(' - ');
  const [, , device, within, mountPoint] = left?.split(' ') ?? [];
  const [fileSystem, source] = right?.split(' ') ?? [];
  if (device === undefined || within === undefined || mountPoint === undefined) return [];
  if (fileSystem === undefined || source === undefined) return [];
  const remote = remoteFileSystems.has(fileSystem);
  return [{ device, within, mountPoint: decodeOctal(mountPoint), source: decodeOctal(source), fileSystem, remote }];
}

function holdsData({ fileSystem }: Line): boolean {
  return localFileSystems.has(fileSystem) || remoteFileSystems.has(fileSystem);
}

function isBetter(line: Line, before: Line): boolean {
  const [isWhole, wasWhole] = [line.within === '/', before.within === '/'];
  return isWhole === wasWhole ? line.mountPoint.length < before.mountPoint.length : isWhole;
}

/** Space, tab, newline and backslash are written as octal numbers, one for each byte. */
function decodeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
