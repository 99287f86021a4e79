// One job's gigabyte of output arrives byte for byte while both programs stay small, also with a reader that takes 1 KB a second.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { RealCluster } from '@muster/testing/real/cluster';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';

const MIB = 1024 * 1024;
const SIZE_MIB = 1024;
const LARGEST_RSS_MIB = 200;
const PATIENCE_MS = 300_000;
let directory: TempDir;
let cluster: RealCluster | undefined;

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
}, 60_000);

/** Highest resident memory of a process so far, in MiB. */
function peakMib(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

describe('a gigabyte of output', () => {
  it(
    'arrives whole, and neither program needs 200 MiB, also with a slow reader attached',
    async () => {
      directory = await tempDir();
      const running = await RealCluster.start({ directory: directory.path });
      cluster = running;
      const agent = await running.startAgent('alpha');
      // Bytes that neither repeat nor compress, and that anybody can make again: AES in counter mode over zeros.
      const script = `openssl enc -aes-128-ctr -K 000102030405060708090a0b0c0d0e0f -iv 0 -in /dev/zero 2>/dev/null | head -c ${SIZE_MIB * MIB} | tee ${directory.path}/hash-me | cat; sha256sum ${directory.path}/hash-me >&2`;
      const { job } = await running.jobs.submitJob({
        spec: { workload: { kind: { case: 'process', value: { argv: ['sh', '-c', script] } } } },
      });
      const id = job?.id ?? '';
      const slow = new AbortController();
      const slowReader = readSlowly(running, id, slow.signal);
      await eventually(
        async () =>
          (await running.jobs.getJob({ jobId: id })).job?.tasks[0]?.attempts[0]?.streams.some(
            (each) => each.complete && each.storedBytes > 0n,
          ),
        { withinMs: 240_000, everyMs: 250, what: 'the whole log' },
      );
      const peaks = { agent: peakMib(agent.pid), orchestrator: peakMib(running.orchestrator.pid) };
      const hash = createHash('sha256');
      let complete = false;
      let stderr = '';
      for await (const { event } of running.jobs.readLogs({ jobId: id, follow: true })) {
        if (event.case === 'data' && event.value.stream === OutputStream.STDOUT) hash.update(event.value.data);
        if (event.case === 'data' && event.value.stream === OutputStream.STDERR)
          stderr += Buffer.from(event.value.data).toString();
        if (event.case === 'end') complete = event.value.complete;
      }
      slow.abort();
      const slowBytes = await slowReader;
      process.stdout.write(`peak RSS in MiB: ${JSON.stringify(peaks)}; the slow reader had ${slowBytes} bytes\n`);
      expect(complete).toBe(true);
      expect(stderr.split(' ')[0]).toBe(hash.digest('hex'));
      expect(slowBytes).toBeGreaterThan(0);
      expect(peaks.agent).toBeLessThan(LARGEST_RSS_MIB);
      expect(peaks.orchestrator).toBeLessThan(LARGEST_RSS_MIB);
    },
    PATIENCE_MS,
  );
});

/** Follows the log and takes a kilobyte's worth of time for each kilobyte. */
async function readSlowly(running: RealCluster, id: string, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  try {
    for await (const { event } of running.jobs.readLogs({ jobId: id, follow: true }, { signal })) {
      if (event.case !== 'data') continue;
      bytes += event.value.data.byteLength;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, event.case === 'data' ? event.value.data.byteLength : 0);
        signal.addEventListener(
          'abort',
          () => {
            clearTimeout(timer);
            resolve();
          },
          { once: true },
        );
      });
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
  return bytes;
}
