import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { testMachine } from './probe-context.fixture.ts';
import { makeUsageSampler } from './usage.ts';

const stat = (user: number, idle: number, waiting = 0): string =>
  `cpu  ${user} 0 0 ${idle} ${waiting} 0 0 0 77 0\ncpu0 1 2 3\n`;
const memory = 'MemTotal: 100 kB\nMemAvailable: 40 kB\n';

async function sampled(files: Record<string, string>, platform = 'linux') {
  const machine = await testMachine({ files, platform });
  const { path: root } = machine.dir;
  const sampler = makeUsageSampler({
    platform,
    root,
    stateDirectory: root,
    runningAttempts: () => 3,
    spoolBytes: () => 12n,
  });
  return { machine, sampler, [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose]() };
}

describe('sampling usage', () => {
  it('gives the share of the cores since the sample before, waiting for discs not counted', async () => {
    await using test = await sampled({ '/proc/stat': stat(100, 100), '/proc/meminfo': memory });
    const path = test.machine.dir.join('proc/stat');
    await writeFile(path, stat(125, 150, 25));
    expect(test.sampler.sample().cpuPermille).toBe(250);
    await writeFile(path, stat(225, 150, 25));
    expect(test.sampler.sample().cpuPermille).toBe(1_000);
    expect(test.sampler.sample().cpuPermille).toBe(0);
  });

  it('stays in range when the kernel’s counters go back', async () => {
    await using test = await sampled({ '/proc/stat': stat(100, 100, 50), '/proc/meminfo': memory });
    await writeFile(test.machine.dir.join('proc/stat'), stat(120, 100, 40));
    expect(test.sampler.sample().cpuPermille).toBe(1_000);
  });

  it('gives memory, free disk, the agent’s own memory and what the caller counts', async () => {
    await using test = await sampled({ '/proc/stat': stat(1, 1), '/proc/meminfo': memory });
    const usage = test.sampler.sample();
    expect(usage).toMatchObject({ memoryAvailableBytes: 40_960n, runningAttempts: 3, spoolBytes: 12n });
    expect(usage.stateDiskAvailableBytes).toBeGreaterThan(0n);
    expect(usage.agentMemoryBytes).toBeGreaterThan(1_000_000n);
  });

  it('keeps the last figures when the system’s files cannot be read', async () => {
    await using test = await sampled({ '/proc/stat': stat(1, 1), '/proc/meminfo': memory });
    test.sampler.sample();
    await rm(test.machine.dir.join('proc'), { recursive: true });
    expect(test.sampler.sample()).toMatchObject({ cpuPermille: 0, memoryAvailableBytes: 40_960n });
  });

  it('works without /proc', async () => {
    await using test = await sampled({}, 'darwin');
    const usage = test.sampler.sample();
    expect(usage.memoryAvailableBytes).toBeGreaterThan(0n);
    expect(usage.cpuPermille).toBeLessThanOrEqual(1_000);
  });
});
