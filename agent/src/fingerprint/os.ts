/** Operating system and kernel: /etc/os-release on Linux, systeminformation elsewhere. */
import { hostname, release, uptime } from 'node:os';
import { create } from '@bufbuild/protobuf';
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { OperatingSystemSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { Probe, ProbeContext } from './probe.ts';
import { readTextIfThere } from './system-files.ts';
import { systemInformation } from './system-information.ts';

/** Asked once: what may change of it changes with a boot. */
export const osProbe: Probe = {
  name: 'os',
  timeoutMs: 2_000,
  async run(context, signal) {
    const { platform } = context;
    const [distribution, bootId] = await Promise.all([distributionOf(context), bootIdOf(context, signal)]);
    const os = create(OperatingSystemSchema, {
      platform,
      ...distribution,
      kernel: release(),
      bootId,
      hostname: hostname(),
      uptime: seconds(uptime()),
    });
    return { part: { os } };
  },
};

/** A distribution's id and version; both may be empty. */
export interface Distribution {
  readonly distribution: string;
  readonly version: string;
}

/** Reads the format of os-release(5). */
export function parseOsRelease(text: string): Distribution {
  const value = (name: string): string => {
    const raw = new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? '';
    return raw.trim().replace(/^(["'])(.*)\1$/, '$2');
  };
  // Rolling distributions (Arch, Debian testing) have no VERSION_ID; their BUILD_ID says "rolling", if anything.
  return { distribution: value('ID'), version: value('VERSION_ID') || value('BUILD_ID') };
}

async function distributionOf(context: ProbeContext): Promise<Distribution> {
  if (context.platform === 'linux') {
    const text =
      (await readTextIfThere(context, '/etc/os-release')) ?? (await readTextIfThere(context, '/usr/lib/os-release'));
    return parseOsRelease(text ?? '');
  }
  const { osInfo } = await systemInformation();
  const { distro, release: version } = await osInfo();
  return { distribution: distro, version };
}

async function bootIdOf(context: ProbeContext, signal: AbortSignal): Promise<string> {
  if (context.platform === 'darwin') {
    const command = { path: '/usr/sbin/sysctl', args: ['-n', 'kern.bootsessionuuid'], environment: {} };
    return (await context.runCommand(command, signal)).output.trim().toLowerCase();
  }
  return ((await readTextIfThere(context, '/proc/sys/kernel/random/boot_id')) ?? '').trim();
}

function seconds(value: number): Duration {
  return create(DurationSchema, { seconds: BigInt(Math.trunc(value)), nanos: 0 });
}
