/** The battery, from /sys/class/power_supply on Linux, systeminformation elsewhere. No battery: an empty part. */
import { create } from '@bufbuild/protobuf';
import { type Battery, BatterySchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { Probe, ProbeContext } from './probe.ts';
import { namesIn, readTextIfThere } from './system-files.ts';
import { systemInformation } from './system-information.ts';

const SUPPLIES = '/sys/class/power_supply';

/** Charge, and whether mains power is there. */
export const batteryProbe: Probe = {
  name: 'battery',
  periodMs: 60_000,
  timeoutMs: 2_000,
  async run(context) {
    const battery = context.platform === 'linux' ? await fromSys(context) : await fromSystemInformation();
    return { part: battery === undefined ? {} : { battery } };
  },
};

/** One entry of /sys/class/power_supply. */
interface Supply {
  readonly type: string;
  /** "Device": of a mouse or keyboard, not of the machine. */
  readonly scope: string;
  readonly capacity: string;
  readonly status: string;
  readonly online: string;
}

async function fromSys(context: ProbeContext): Promise<Battery | undefined> {
  const names = await namesIn(context, SUPPLIES);
  const supplies = await Promise.all(names.map((name) => readSupply(context, name)));
  const batteries = supplies.filter(({ type, scope }) => type === 'Battery' && scope !== 'Device');
  const charges = batteries.map(({ capacity }) => Number(capacity)).filter((each) => Number.isFinite(each));
  if (charges.length === 0) return undefined;
  const lines = supplies.filter(({ type }) => type === 'Mains' || type === 'USB');
  const discharging = batteries.some(({ status }) => status === 'Discharging');
  return create(BatterySchema, {
    // Laptops with two empty one after the other; the mean is near enough to what is left.
    percent: Math.round(charges.reduce((sum, each) => sum + each, 0) / charges.length),
    charging: batteries.some(({ status }) => status === 'Charging'),
    // Some machines have no entry for the mains; then a battery that gives nothing is the sign of it.
    externalPower: lines.length > 0 ? lines.some(({ online }) => online === '1') : !discharging,
  });
}

async function readSupply(context: ProbeContext, name: string): Promise<Supply> {
  const value = async (field: string): Promise<string> =>
    ((await readTextIfThere(context, `${SUPPLIES}/${name}/${field}`)) ?? '').trim();
  const [type, scope, capacity, status, online] = await Promise.all([
    value('type'),
    value('scope'),
    value('capacity').then((text) => text || 'unknown'),
    value('status'),
    value('online'),
  ]);
  return { type, scope, capacity, status, online };
}

async function fromSystemInformation(): Promise<Battery | undefined> {
  const { battery } = await systemInformation();
  const { hasBattery, percent, isCharging, acConnected } = await battery();
  if (!hasBattery) return undefined;
  return create(BatterySchema, { percent, charging: isCharging, externalPower: acConnected });
}
