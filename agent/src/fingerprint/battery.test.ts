import { describe, expect, it } from '@jest/globals';
import { batteryProbe } from './battery.ts';
import { never, testMachine } from './probe-context.fixture.ts';

const supply = (name: string, values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [`/sys/class/power_supply/${name}/${key}`, `${value}\n`]),
  );

async function batteryOf(files: Record<string, string>) {
  await using machine = await testMachine({ files });
  return (await batteryProbe.run(machine.context, never)).part.battery;
}

describe('the battery probe', () => {
  it('reads charge, charging and mains power', async () => {
    const files = {
      ...supply('AC', { type: 'Mains', online: '1' }),
      ...supply('BAT0', { type: 'Battery', capacity: '80', status: 'Charging' }),
    };
    expect(await batteryOf(files)).toMatchObject({ percent: 80, charging: true, externalPower: true });
  });

  it('takes the mean of two batteries', async () => {
    const files = {
      ...supply('AC', { type: 'Mains', online: '0' }),
      ...supply('BAT0', { type: 'Battery', capacity: '10', status: 'Discharging' }),
      ...supply('BAT1', { type: 'Battery', capacity: '91', status: 'Unknown' }),
    };
    expect(await batteryOf(files)).toMatchObject({ percent: 51, charging: false, externalPower: false });
  });

  it('takes a battery that gives nothing for mains power where no line is listed', async () => {
    expect(await batteryOf(supply('BAT0', { type: 'Battery', capacity: '100', status: 'Full' }))).toMatchObject({
      externalPower: true,
    });
  });

  it('does not take a mouse for a laptop, nor a machine without any for one with an empty battery', async () => {
    const mouse = supply('hid', { type: 'Battery', scope: 'Device', capacity: '50', status: 'Discharging' });
    expect(await batteryOf(mouse)).toBeUndefined();
    expect(await batteryOf({})).toBeUndefined();
  });

  it('asks systeminformation on other systems', async () => {
    await using machine = await testMachine({ platform: 'darwin' });
    await expect(batteryProbe.run(machine.context, never)).resolves.toHaveProperty('part');
  });
});
