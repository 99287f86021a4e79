// Output on its way from files to frames, with real files, where an acknowledgement crosses what is being sent.
import { appendFile, writeFile } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Disk } from '@muster/common/disk/disk';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { asAttemptId } from '@muster/common/ids/ids';
import { LogAckSchema, LogSettingsSchema } from '@muster/gen/muster/agent/v1/session_pb';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import { ManualClock } from '@muster/testing/manual-clock';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { runLogShipperLoop } from './log-shipper-loop.ts';
import { RunOutputs } from './run-outputs.ts';

const key = { attemptId: asAttemptId('01arz3ndektsv4rrffq69g5fav'), run: 1 };
const TEXT = '0123456789abcdefghij';

describe('the log shipper', () => {
  let dir: TempDir;
  let clock: ManualClock;
  let outputs: RunOutputs;
  let sent: string[];
  let ending: AbortController;
  let loop: Promise<unknown>;
  /** Runs before each read of a file returns. */
  let whileReading: () => void;

  beforeEach(async () => {
    dir = await tempDir();
    clock = new ManualClock();
    outputs = new RunOutputs(clock, (_key, stream) => dir.join(stream));
    sent = [];
    ending = new AbortController();
    whileReading = () => undefined;
    const disk: Disk = { ...nodeDisk, open: async (path, flags) => slowly(await nodeDisk.open(path, flags)) };
    const { logger } = captureLogs();
    const send = async (frame: Parameters<Parameters<typeof runLogShipperLoop>[0]['send']>[0]) => {
      if (frame.case === 'logGap') sent.push(`${frame.value.offsetBytes} gap ${frame.value.lengthBytes}`);
      else sent.push(`${frame.value.offsetBytes} ${Buffer.from(frame.value.data).toString()}`);
    };
    loop = runLogShipperLoop({ outputs, disk, clock, logger, send }, ending.signal).catch((error: unknown) => error);
  });
  afterEach(async () => {
    outputs.remove(key);
    ending.abort(new Error('the test is over'));
    await loop;
    expect(clock.waiting).toBe(0);
    await dir[Symbol.asyncDispose]();
  });

  function slowly(file: Awaited<ReturnType<Disk['open']>>): typeof file {
    const read: typeof file.read = async (buffer, position) => {
      const bytes = await file.read(buffer, position);
      whileReading();
      return bytes;
    };
    return {
      ...file,
      read,
      write: (data, position) => file.write(data, position),
      datasync: () => file.datasync(),
      size: () => file.size(),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      preallocate: (sizeBytes) => file.preallocate(sizeBytes),
      close: () => file.close(),
      [Symbol.asyncDispose]: () => file.close(),
    };
  }

  const ack = (next: number) =>
    outputs.ack(create(LogAckSchema, { ...key, stream: OutputStream.STDOUT, nextOffsetBytes: BigInt(next) }));

  /** Begins a run that has printed this, within a window of ten bytes. */
  async function printed(text: string): Promise<void> {
    await writeFile(dir.join('stdout'), text);
    await writeFile(dir.join('stderr'), '');
    outputs.open(create(LogSettingsSchema, { streamWindowBytes: 10n }), []);
    outputs.begin(key);
    await clock.advance(100);
  }

  const sentUntil = (wanted: readonly string[]) =>
    eventually(() => JSON.stringify(sent) === JSON.stringify(wanted), { what: JSON.stringify(wanted) }).catch(() =>
      expect(sent).toEqual(wanted),
    );

  it('sends a window, and goes on as it is acknowledged, to the end', async () => {
    await printed(TEXT);
    await sentUntil(['0 0123456789']);
    ack(4);
    await clock.advance(100);
    await sentUntil(['0 0123456789', '10 abcd']);
    ack(14);
    await clock.advance(100);
    await sentUntil(['0 0123456789', '10 abcd', '14 efghij']);
  });

  it('goes on from the acknowledged byte when the acknowledgement comes while the next piece is being read', async () => {
    await printed(TEXT);
    await sentUntil(['0 0123456789']);
    // The orchestrator has lost what it had not made durable, and says so while we read the next piece.
    whileReading = () => {
      whileReading = () => undefined;
      ack(4);
    };
    ack(10);
    await clock.advance(100);
    await sentUntil(['0 0123456789', '4 456789abcd']);
    ack(14);
    await clock.advance(100);
    await sentUntil(['0 0123456789', '4 456789abcd', '14 efghij']);
  });

  it('sends what was asked for twice once more when nothing is acknowledged within five seconds', async () => {
    await printed('0123456789');
    await sentUntil(['0 0123456789']);
    ack(4);
    ack(4);
    await clock.advance(100);
    await sentUntil(['0 0123456789', '4 456789']);
    ack(4);
    await clock.advance(4_900);
    expect(sent).toHaveLength(2);
    await clock.advance(200);
    await sentUntil(['0 0123456789', '4 456789', '4 456789']);
  });

  it('sends nothing once more when what was asked for twice is acknowledged meanwhile', async () => {
    await printed('0123456789');
    await sentUntil(['0 0123456789']);
    ack(4);
    ack(4);
    await clock.advance(100);
    await sentUntil(['0 0123456789', '4 456789']);
    ack(4);
    ack(10);
    await appendFile(dir.join('stdout'), 'k');
    await clock.advance(6_000);
    outputs.touched(dir.join('stdout'));
    await clock.advance(100);
    await sentUntil(['0 0123456789', '4 456789', '10 k']);
  });
});
