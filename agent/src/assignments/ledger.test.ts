import { open, readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import type { Disk } from '@muster/common/disk/disk';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { AppError, isAppError } from '@muster/common/errors/app-error';
import { asAttemptId, makeIds } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { captureLogs } from '@muster/testing/capture-logs';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { HEADER_BYTES, recordBytes } from './journal-format.ts';
import { Ledger } from './ledger.ts';

const ids = makeIds(systemClock, systemRandom);
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString());
const freshId = () => asAttemptId(ids.next());

describe('the ledger', () => {
  let dir: TempDir;
  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(async () => {
    await dir[Symbol.asyncDispose]();
  });

  const opened = (options: { disk?: Disk; journalBytes?: number } = {}) =>
    Ledger.open({
      disk: options.disk ?? nodeDisk,
      path: dir.join('ledger'),
      ids,
      logger: captureLogs().logger,
      journalBytes: options.journalBytes ?? 64 * 1024,
    });

  /** Opens without closing the one before, as after kill -9. */
  const reopened = opened;

  it('gives back after kill -9 what was written, with the same ledger id and epoch', async () => {
    const ledger = await opened();
    const [a, b, c] = [freshId(), freshId(), freshId()];
    await ledger.recordStarted(a, 'boot-1', Buffer.from('spec a'));
    await ledger.recordStarted(b, 'boot-1', Buffer.from('spec b'));
    await ledger.recordStarted(c, 'boot-1', Buffer.from('spec c'));
    await ledger.recordResult(b, Buffer.from('result b'));
    await ledger.recordForgotten(c);
    await ledger.recordStoreEpoch(9n);
    await ledger.recordStoreEpoch(3n);
    await using again = await reopened();
    expect(again.ledgerId).toBe(ledger.ledgerId);
    expect(again.highestStoreEpoch).toBe(9n);
    expect(again.attemptIds).toEqual([a, b]);
    const first = await again.entry(a);
    expect([first?.bootId, text(first?.assignment), first?.result]).toEqual(['boot-1', 'spec a', undefined]);
    expect(text((await again.entry(b))?.result)).toBe('result b');
    await ledger[Symbol.asyncDispose]();
  });

  it('ignores a torn last record, wherever the write stopped, and writes on after it', async () => {
    const [a, b] = [freshId(), freshId()];
    {
      await using ledger = await opened();
      await ledger.recordStarted(a, 'boot-1', Buffer.from('spec a'));
      await ledger.recordStarted(b, 'boot-1', Buffer.from('spec b'));
    }
    const whole = await readFile(dir.join('ledger'));
    const oneRecord = recordBytes(1 + 'boot-1'.length + 'spec a'.length);
    for (let kept = 0; kept < oneRecord; kept += 1) {
      const torn = Buffer.from(whole);
      torn.fill(0, HEADER_BYTES + oneRecord + kept);
      await writeFile(dir.join('ledger'), torn);
      await using ledger = await opened();
      expect(ledger.attemptIds).toEqual([a]);
    }
    await using ledger = await opened();
    await ledger.recordResult(a, Buffer.from('done'));
    await using again = await reopened();
    expect(text((await again.entry(a))?.result)).toBe('done');
  });

  it('keeps an attempt whose record is damaged, without its spec, also after compaction', async () => {
    const [a, b] = [freshId(), freshId()];
    {
      await using ledger = await opened();
      await ledger.recordStarted(a, 'boot-1', Buffer.from('spec a'));
      await ledger.recordStarted(b, 'boot-1', Buffer.from('spec b'));
    }
    const file = await open(dir.join('ledger'), 'r+');
    const bodyEnd = HEADER_BYTES + recordBytes(1 + 'boot-1'.length + 'spec a'.length) - 5;
    await file.write(Buffer.from('X'), 0, 1, bodyEnd);
    await file.close();
    for (const _time of [1, 2]) {
      await using ledger = await opened();
      expect(ledger.attemptIds).toEqual([a, b]);
      const entry = await ledger.entry(a);
      expect([entry?.bootId, entry?.assignment]).toEqual([undefined, undefined]);
      expect(text((await ledger.entry(b))?.assignment)).toBe('spec b');
    }
  });

  it('refuses a journal whose beginning is damaged, and says what to do', async () => {
    await writeFile(dir.join('ledger'), 'not a ledger');
    await expect(opened()).rejects.toThrow(/damaged at its beginning; move it away/);
  });

  it('compacts when it is full, and grows where what is held needs it', async () => {
    await using ledger = await opened({ journalBytes: 4_096 });
    const kept = freshId();
    await ledger.recordStarted(kept, 'boot-1', Buffer.alloc(1_000, 'k'));
    for (let times = 0; times < 50; times += 1) {
      const id = freshId();
      await ledger.recordStarted(id, 'boot-1', Buffer.alloc(1_000, 'x'));
      await ledger.recordForgotten(id);
    }
    const big = freshId();
    await ledger.recordStarted(big, 'boot-1', Buffer.alloc(20_000, 'b'));
    await using again = await reopened({ journalBytes: 4_096 });
    expect(again.attemptIds).toEqual([kept, big]);
    expect((await again.entry(kept))?.assignment?.byteLength).toBe(1_000);
    expect((await again.entry(big))?.assignment?.byteLength).toBe(20_000);
  });

  it('refuses a record when the disk is full, and keeps what it has', async () => {
    let full = false;
    const disk: Disk = {
      ...nodeDisk,
      open: (path, flags, mode) =>
        full && flags === 'truncate'
          ? Promise.reject(new AppError('resource_exhausted', 'cannot open: ENOSPC'))
          : nodeDisk.open(path, flags, mode),
    };
    await using ledger = await opened({ disk, journalBytes: 4_096 });
    const kept = freshId();
    await ledger.recordStarted(kept, 'boot-1', Buffer.from('spec'));
    full = true;
    const refused = await ledger
      .recordStarted(freshId(), 'boot-1', Buffer.alloc(10_000))
      .catch((error: unknown) => error);
    expect(isAppError(refused, 'resource_exhausted')).toBe(true);
    expect(ledger.attemptIds).toEqual([kept]);
    await ledger.recordResult(kept, Buffer.from('done'));
    expect(text((await ledger.entry(kept))?.result)).toBe('done');
  });

  it('writes records that come together in one go, each in its order', async () => {
    await using ledger = await opened();
    const many = Array.from({ length: 100 }, freshId);
    await Promise.all(many.map((id) => ledger.recordStarted(id, 'boot-1', Buffer.from(id))));
    await using again = await reopened();
    expect(again.attemptIds).toEqual(many);
    for (const id of many) expect(text((await again.entry(id))?.assignment)).toBe(id);
  });

  it('goes on in the new journal where only the directory could not be synced after a compaction', async () => {
    let broken = false;
    const disk: Disk = {
      ...nodeDisk,
      syncDirectory: (path) =>
        broken ? Promise.reject(new AppError('internal', 'input/output error')) : nodeDisk.syncDirectory(path),
    };
    const ledger = await opened({ disk, journalBytes: 2_048 });
    const [first, second, third] = [freshId(), freshId(), freshId()];
    await ledger.recordStarted(first, 'boot', new Uint8Array(1_000));
    broken = true;
    await expect(ledger.recordStarted(second, 'boot', new Uint8Array(1_000))).rejects.toThrow('input/output error');
    await ledger.recordStarted(third, 'boot', new Uint8Array(10));
    await using after = await reopened();
    expect(after.attemptIds).toEqual([first, third]);
    await ledger[Symbol.asyncDispose]();
  });
});
