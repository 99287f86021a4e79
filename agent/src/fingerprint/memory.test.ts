import { describe, expect, it } from '@jest/globals';
import { memoryProbe, parseMemInfo } from './memory.ts';
import { never, testMachine } from './probe-context.fixture.ts';

describe('the memory probe', () => {
  it('reads total, available and swap, in bytes', async () => {
    const text =
      'MemTotal:       24684084 kB\nMemFree:        1 kB\nMemAvailable:   2000 kB\nSwapTotal:      1024 kB\n';
    await using machine = await testMachine({ files: { '/proc/meminfo': text } });
    const { part } = await memoryProbe.run(machine.context, never);
    expect(part.memory).toMatchObject({
      totalBytes: 24_684_084n * 1024n,
      availableBytes: 2_048_000n,
      swapTotalBytes: 1_048_576n,
    });
  });

  it('takes free memory for available where an old kernel reckons none', () => {
    expect(parseMemInfo('MemTotal: 10 kB\nMemFree: 4 kB\n')).toMatchObject({
      availableBytes: 4_096n,
      swapTotalBytes: 0n,
    });
  });

  it('fails with a sentence where there is no total', () => {
    expect(() => parseMemInfo('nonsense')).toThrow('/proc/meminfo has no MemTotal');
  });

  it('asks systeminformation on other systems', async () => {
    await using machine = await testMachine({ platform: 'darwin' });
    const { part } = await memoryProbe.run(machine.context, never);
    expect(part.memory?.totalBytes).toBeGreaterThan(0n);
  });
});
