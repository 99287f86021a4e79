/**
 * A hash that is the same for every agent that begins on this machine with this state directory, and says nothing else:
 * it marks a machine that was enrolled anew. Two agents side by side have two directories, so they are two nodes. The
 * salt keeps the hash from being compared with what other programs make of the machine's id.
 */
import { createHash } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import type { Disk } from '@muster/common/disk/disk';

const SALT = 'muster machine id v1:';

/** SHA-256 in hex over /etc/machine-id (or the host's name and first hardware address where there is none) and the directory's path. */
export async function machineIdHash(disk: Disk, statePath: string): Promise<string> {
  const id = (await machineIdFile(disk)) ?? `${hostname()} ${firstHardwareAddress()}`;
  return createHash('sha256').update(`${SALT}${id}\0${statePath}`).digest('hex');
}

/** The kernel's id of this boot; a fixed text where the system has none, so that a restart goes unnoticed there. */
export async function bootId(disk: Disk): Promise<string> {
  const bytes = await readOrNothing(disk, '/proc/sys/kernel/random/boot_id');
  return bytes === undefined ? 'unknown-boot' : bytes;
}

async function machineIdFile(disk: Disk): Promise<string | undefined> {
  const id = await readOrNothing(disk, '/etc/machine-id');
  // systemd writes "uninitialized" into images before their first boot.
  return id === undefined || id === '' || id === 'uninitialized' ? undefined : id;
}

async function readOrNothing(disk: Disk, path: string): Promise<string | undefined> {
  try {
    const bytes = await disk.readFile(path);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes).trim();
  } catch {
    return undefined;
  }
}

function firstHardwareAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return addresses.find((each) => !each.internal)?.mac ?? '';
}
