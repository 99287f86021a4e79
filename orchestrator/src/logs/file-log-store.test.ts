import { readFile, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { asAttemptId } from '@muster/common/ids/ids';
import { tempDir } from '@muster/testing/temp-dir';
import fc from 'fast-check';
import type { OutputStreamName } from '../domain/job.ts';
import { FileLogStore } from './file-log-store.ts';
import { RECORD_BYTES } from './index-record.ts';
import { type LogPiece, nextOffsetOf, type RunExtent } from './log-store.ts';

const ATTEMPT = asAttemptId('01arz3ndektsv4rrffq69g5fav');
const KEY = { attemptId: ATTEMPT, run: 1 };

/** Byte `offset` of a stream: any misplaced byte shows. */
function byteAt(stream: OutputStreamName, offset: number): number {
  return (offset * 31 + (stream === 'stdout' ? 7 : 101) + (offset >> 8)) & 0xff;
}

function bytesOf(stream: OutputStreamName, startBytes: number, lengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, at) => byteAt(stream, startBytes + at));
}

interface Step {
  readonly stream: OutputStreamName;
  readonly kind: 'data' | 'gap';
  readonly lengthBytes: number;
}

/** Pieces that follow each other in their streams. */
function piecesOf(steps: readonly Step[], extent: RunExtent): LogPiece[] {
  const next = { stdout: nextOffsetOf(extent.stdout), stderr: nextOffsetOf(extent.stderr) };
  return steps.map(({ stream, kind, lengthBytes }) => {
    const startBytes = next[stream];
    next[stream] += lengthBytes;
    const place = { stream, startBytes, observedAtMs: 1_000 };
    return kind === 'data'
      ? { ...place, kind, data: bytesOf(stream, startBytes, lengthBytes) }
      : { ...place, kind, lengthBytes, reason: 'spool_full' };
  });
}

const step = fc.record({
  stream: fc.constantFrom<OutputStreamName>('stdout', 'stderr'),
  kind: fc.constantFrom('data' as const, 'data' as const, 'gap' as const),
  lengthBytes: fc.integer({ min: 1, max: 3_000 }),
});
const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 });

async function expectRight(store: FileLogStore, extent: RunExtent): Promise<void> {
  const records = await store.records(KEY, 0, 10_000);
  expect(records).toHaveLength(extent.records);
  const next = { stdout: 0, stderr: 0 };
  for (const { stream, kind, startBytes, endBytes } of records) {
    expect(startBytes).toBe(next[stream]);
    next[stream] = endBytes;
    if (kind === 'gap') continue;
    const stored = await store.read(KEY, stream, startBytes, endBytes - startBytes);
    expect(Buffer.compare(stored, bytesOf(stream, startBytes, endBytes - startBytes))).toBe(0);
  }
  expect([next.stdout, next.stderr]).toEqual([nextOffsetOf(extent.stdout), nextOffsetOf(extent.stderr)]);
}

describe('the file log store', () => {
  it('has nothing of a run without output, and makes no file for it', async () => {
    await using dir = await tempDir();
    await using store = new FileLogStore(nodeDisk, dir.join('logs'));
    expect((await store.recover(KEY)).records).toBe(0);
    expect(await store.runs(ATTEMPT)).toEqual([]);
    expect(await nodeDisk.list(dir.path)).toEqual([]);
  });

  it('makes a stream file with its first byte only', async () => {
    await using dir = await tempDir();
    await using store = new FileLogStore(nodeDisk, dir.path);
    const extent = await store.recover(KEY);
    await store.append(KEY, extent, piecesOf([{ stream: 'stderr', kind: 'data', lengthBytes: 3 }], extent));
    expect(await nodeDisk.list(dir.join('av'))).toEqual([`${ATTEMPT}-1.index`, `${ATTEMPT}-1.stderr`]);
    expect([...(await readFile(dir.join('av', `${ATTEMPT}-1.stderr`)))]).toEqual([...bytesOf('stderr', 0, 3)]);
  });

  it('gives back what was appended, also after it is opened anew', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (all) => {
        await using dir = await tempDir();
        const store = new FileLogStore(nodeDisk, dir.path);
        let extent = await store.recover(KEY);
        for (const batch of all) extent = await store.append(KEY, extent, piecesOf(batch, extent));
        await store.close();
        await using again = new FileLogStore(nodeDisk, dir.path);
        expect(await again.recover(KEY)).toEqual(extent);
        await expectRight(again, extent);
      }),
      { numRuns: 25 },
    );
  });

  it('is cut after a crash to a right prefix that has all but the last batch, wherever the crash tore it', async () => {
    const tear = fc.record({
      file: fc.constantFrom('index', 'stdout', 'stderr'),
      how: fc.constantFrom('cut', 'zeros', 'garbage'),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(batches, tear, async (all, torn) => {
        await using dir = await tempDir();
        const store = new FileLogStore(nodeDisk, dir.path);
        let durable = await store.recover(KEY);
        let extent = durable;
        for (const batch of all) {
          durable = extent;
          extent = await store.append(KEY, extent, piecesOf(batch, extent));
        }
        await store.close();
        // Only what the last batch wrote can be torn: what came before it was synced.
        const kept =
          torn.file === 'index' ? durable.records * RECORD_BYTES : nextOffsetOf(durable[streamOf(torn.file)]);
        await tearFile(dir.join('av', `${ATTEMPT}-1.${torn.file}`), kept, torn);
        await using again = new FileLogStore(nodeDisk, dir.path);
        const found = await again.recover(KEY);
        expect(found.records).toBeGreaterThanOrEqual(durable.records);
        expect(found.records).toBeLessThanOrEqual(extent.records);
        await expectRight(again, found);
        // And it goes on from there.
        const more = await again.append(KEY, found, piecesOf(all.flat(), found));
        await expectRight(again, more);
      }),
      { numRuns: 60 },
    );
  });

  it('forgets an attempt with all its runs, and no other', async () => {
    await using dir = await tempDir();
    await using store = new FileLogStore(nodeDisk, dir.path);
    const other = { attemptId: asAttemptId('01arz3ndektsv4rrffq69g6fav'), run: 1 };
    for (const key of [KEY, { ...KEY, run: 12 }, other]) {
      const extent = await store.recover(key);
      await store.append(key, extent, piecesOf([{ stream: 'stdout', kind: 'data', lengthBytes: 5 }], extent));
    }
    expect(await store.runs(ATTEMPT)).toEqual([1, 12]);
    await store.remove(ATTEMPT);
    await store.remove(ATTEMPT);
    expect(await store.runs(ATTEMPT)).toEqual([]);
    expect(await store.runs(other.attemptId)).toEqual([1]);
    expect((await store.recover(KEY)).records).toBe(0);
  });

  it('keeps hundreds of runs with a bounded number of open files', async () => {
    await using dir = await tempDir();
    await using store = new FileLogStore(nodeDisk, dir.path);
    const openFiles = async (): Promise<number> => (await nodeDisk.list('/proc/self/fd')).length;
    const before = await openFiles();
    for (let run = 1; run <= 200; run += 1) {
      const extent = await store.recover({ ...KEY, run });
      const both: Step[] = ['stdout' as const, 'stderr' as const].map((stream) => ({
        stream,
        kind: 'data',
        lengthBytes: 1,
      }));
      await store.append({ ...KEY, run }, extent, piecesOf(both, extent));
    }
    expect((await openFiles()) - before).toBeLessThanOrEqual(256 + 10);
    expect((await store.recover({ ...KEY, run: 1 })).records).toBe(2);
  });
});

function streamOf(file: string): OutputStreamName {
  return file === 'stdout' ? 'stdout' : 'stderr';
}

async function tearFile(path: string, keptBytes: number, torn: { how: string; at: number }): Promise<void> {
  const contents = await readFile(path).catch(() => undefined);
  if (contents === undefined || contents.byteLength <= keptBytes) return;
  const at = keptBytes + Math.floor(torn.at * (contents.byteLength - keptBytes));
  if (torn.how === 'cut') await truncate(path, at);
  else await writeFile(path, contents.fill(torn.how === 'zeros' ? 0 : 0xa5, at));
}
