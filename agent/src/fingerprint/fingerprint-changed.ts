/** Whether a fingerprint says something new. What moves all the time is no news. */
import { clone, equals } from '@bufbuild/protobuf';
import {
  type Battery,
  type Disk,
  type Fingerprint,
  FingerprintSchema,
} from '@muster/gen/muster/node/v1/fingerprint_pb';

/** Free space has changed when it moved by more than this share of what was reported, in percent ... */
const FREE_SPACE_PERCENT = 5n;
/** ... and by more than this: on a disc that is nearly full, 5 % is noise. */
const FREE_SPACE_BYTES = 64n * 1024n * 1024n;
/** A laptop loses a percent every few minutes; twenty reports for a whole charge are enough. */
const CHARGE_PERCENT = 5;

/**
 * True where `now` differs from `reported` in anything but uptime, available memory (heartbeats carry it), and small
 * moves of free disc space and battery charge. Neither is changed.
 */
export function fingerprintChanged(reported: Fingerprint, now: Fingerprint): boolean {
  return !equals(FingerprintSchema, reported, withoutJitter(reported, now));
}

/** `now`, with the reported value wherever the difference is jitter. */
function withoutJitter(reported: Fingerprint, now: Fingerprint): Fingerprint {
  const steady = clone(FingerprintSchema, now);
  if (steady.memory !== undefined && reported.memory !== undefined) {
    steady.memory.availableBytes = reported.memory.availableBytes;
  }
  if (steady.os !== undefined && reported.os?.uptime !== undefined) steady.os.uptime = reported.os.uptime;
  const before = new Map(reported.disks.map((disk) => [disk.mountPoint, disk]));
  for (const disk of steady.disks) steadyDisk(before.get(disk.mountPoint), disk);
  steadyBattery(reported.battery, steady.battery);
  return steady;
}

function steadyDisk(before: Disk | undefined, disk: Disk): void {
  if (before === undefined) return;
  const moved = disk.availableBytes - before.availableBytes;
  const size = moved < 0n ? -moved : moved;
  const isNews = size * 100n > before.availableBytes * FREE_SPACE_PERCENT && size > FREE_SPACE_BYTES;
  if (!isNews) disk.availableBytes = before.availableBytes;
}

function steadyBattery(before: Battery | undefined, battery: Battery | undefined): void {
  if (before === undefined || battery === undefined) return;
  if (Math.abs(battery.percent - before.percent) < CHARGE_PERCENT) battery.percent = before.percent;
}
