import { availableParallelism, machine as machineType } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { cpuProbe, parseCpuInfo } from './cpu.ts';
import { never, testMachine } from './probe-context.fixture.ts';

const block = (socket: number, core: number): string =>
  `processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Processor\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`;

describe('the CPU probe', () => {
  it('counts a core with two threads once, and the cores of two sockets apart', () => {
    const text = [block(0, 0), block(0, 1), block(0, 0), block(0, 1), block(1, 0), block(1, 0)].join('\n');
    expect(parseCpuInfo(text)).toEqual({
      model: 'Intel(R) Xeon(R) Processor',
      vendor: 'GenuineIntel',
      physicalCores: 3,
    });
  });

  it('knows the maker of an ARM processor by its number, and leaves open what is not said', () => {
    expect(parseCpuInfo('processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n')).toEqual({ vendor: 'ARM' });
  });

  it('says as many cores as programs see, and never more physical ones', async () => {
    const files = { '/proc/cpuinfo': Array.from({ length: 512 }, (_, core) => block(0, core)).join('\n') };
    await using machine = await testMachine({ files });
    const { part } = await cpuProbe.run(machine.context, never);
    const cores = availableParallelism();
    expect(part.cpu).toMatchObject({
      model: 'Intel(R) Xeon(R) Processor',
      logicalCores: cores,
      physicalCores: Math.min(512, cores),
      architecture: machineType(),
    });
  });

  it('asks systeminformation where the system has no /proc', async () => {
    await using machine = await testMachine({ platform: 'darwin' });
    const { part } = await cpuProbe.run(machine.context, never);
    expect(part.cpu?.physicalCores).toBeGreaterThan(0);
  });
});
