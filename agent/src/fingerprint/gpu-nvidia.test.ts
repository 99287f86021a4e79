import { describe, expect, it } from '@jest/globals';
import { requireTool } from '@muster/testing/requirement';
import { gpuNvidiaProbe, readGpus } from './gpu-nvidia.ts';
import {
  constructedLost,
  constructedNoDevices,
  constructedNoDriver,
  constructedNoValues,
  constructedOldDriver,
  recordedH200,
  recordedUnknownField,
} from './nvidia-smi.fixture.ts';
import { never, testMachine } from './probe-context.fixture.ts';

const say = (text: string): string => `cat <<'END'\n${text}END`;
const result = (output: string, exitCode = 0) => ({ output, exitCode, errorOutput: '' });

describe('the NVIDIA probe', () => {
  it('reads model, id, memory, driver, compute capability and address of a recorded H200', async () => {
    await using machine = await testMachine({ programs: { 'nvidia-smi': say(recordedH200) } });
    const { part } = await gpuNvidiaProbe.run(machine.context, never);
    expect(part.gpus).toEqual([
      expect.objectContaining({
        vendor: 'nvidia',
        model: 'NVIDIA H200',
        uuid: 'GPU-8e4ee275-0a37-276e-51f8-2abcb42253eb',
        memoryBytes: 143_771n * 1024n * 1024n,
        driverVersion: '580.159.04',
        computeCapability: '9.0',
        pciAddress: '00000000:00:06.0',
      }),
    ]);
  });

  it('asks an old driver again without the field that it does not know', async () => {
    const body = `case "$1" in *compute_cap*) ${say(recordedUnknownField)}\nexit 2;; esac\n${say(constructedOldDriver)}`;
    await using machine = await testMachine({ programs: { 'nvidia-smi': body } });
    const { part } = await gpuNvidiaProbe.run(machine.context, never);
    expect(part.gpus?.map(({ memoryBytes }) => memoryBytes)).toEqual([16_130n << 20n, 16_130n << 20n]);
    expect(part.gpus?.[0]?.computeCapability).toBe('');
  });

  it('finds nothing, and does not fail, where there is no nvidia-smi', async () => {
    await using machine = await testMachine();
    await expect(gpuNvidiaProbe.run(machine.context, never)).resolves.toEqual({ part: {} });
  });

  it('fails with the words of a tool that cannot reach its driver', async () => {
    await using machine = await testMachine({ programs: { 'nvidia-smi': `${say(constructedNoDriver)}\nexit 9` } });
    await expect(gpuNvidiaProbe.run(machine.context, never)).rejects.toThrow(
      "couldn't communicate with the NVIDIA driver",
    );
  });
});

describe('reading what nvidia-smi prints', () => {
  it('leaves out each value that is not given, and keeps the GPU', () => {
    const [gpu] = readGpus(result(constructedNoValues)).part.gpus;
    expect(gpu).toMatchObject({ model: 'NVIDIA GB10', memoryBytes: 0n, pciAddress: '', computeCapability: '' });
  });

  it('keeps the other GPUs when one is lost, and complains about that one', () => {
    const { part, complaint } = readGpus(result(constructedLost, 15));
    expect(part.gpus.map(({ model }) => model)).toEqual(['NVIDIA H100']);
    expect(complaint).toContain('GPU is lost');
  });

  it('takes a machine with the tool and without devices for one without GPUs', () => {
    expect(readGpus(result(constructedNoDevices, 6))).toEqual({ part: { gpus: [] } });
  });

  it('fails where the tool says nothing', () => {
    expect(() => readGpus(result(''))).toThrow('nvidia-smi: no output');
  });
});

const real = requireTool('nvidia-smi');
real.describe('the NVIDIA probe on a machine with a GPU', () => {
  it('finds at least one, with an id and memory', async () => {
    await using machine = await testMachine({ environment: { PATH: process.env['PATH'] ?? '' } });
    const { part } = await gpuNvidiaProbe.run(machine.context, never);
    expect(part.gpus?.[0]?.uuid).toMatch(/^GPU-/);
    expect(part.gpus?.[0]?.memoryBytes).toBeGreaterThan(0n);
  });
});
