import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { AppError } from '@muster/common/errors/app-error';
import {
  type AttemptId,
  asAttemptId,
  asLedgerId,
  asNodeId,
  asProcessId,
  asSessionId,
  type NodeId,
} from '@muster/common/ids/ids';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import { tempDir } from '@muster/testing/temp-dir';
import fc from 'fast-check';
import type { OutputStreamName, StreamTally } from '../domain/job.ts';
import type { AgentSession, IncomingChunk, LogPosition } from '../sessions/session-ports.ts';
import { FileLogStore } from './file-log-store.ts';
import { LogIntake } from './log-intake.ts';
import { type LogEvent, type LogReadOptions, readLog } from './log-reader.ts';
import type { LogStore } from './log-store.ts';

const ID = '01arz3ndektsv4rrffq69g5fav';
const ATTEMPT = asAttemptId(ID);
const OTHER = asAttemptId('01arz3ndektsv4rrffq69g5faw');
const NODE = asNodeId(ID);
const STRANGER = asNodeId('01arz3ndektsv4rrffq69g5fax');
const never = new AbortController().signal;

/** A session of which only the acknowledgements matter. */
function sessionOf(nodeId: NodeId) {
  const acks: (LogPosition & { beyondDropped: boolean })[] = [];
  const session: AgentSession = {
    id: asSessionId(ID),
    nodeId,
    nodeName: 'web-1',
    ledgerId: asLedgerId(ID),
    bootId: 'boot',
    processId: asProcessId(ID),
    address: '127.0.0.1:1',
    maxAttempts: 1,
    ended: false,
    assign: () => undefined,
    ackStatus: () => undefined,
    forget: () => undefined,
    ackLog: (position, beyondDropped = false) => void acks.push({ ...position, beyondDropped }),
    end: () => undefined,
  };
  const acked = (stream: OutputStreamName): number =>
    Math.max(0, ...acks.filter((ack) => ack.stream === stream).map((ack) => ack.nextOffsetBytes));
  return { session, acks, acked };
}

function bytesOf(startBytes: number, lengthBytes: number): Uint8Array {
  return Uint8Array.from(
    { length: lengthBytes },
    (_, at) => ((startBytes + at) * 31 + ((startBytes + at) >> 8)) & 0xff,
  );
}

function chunk(startBytes: number, lengthBytes: number, parts: Partial<IncomingChunk> = {}): IncomingChunk {
  const data = bytesOf(startBytes, lengthBytes);
  return { attemptId: ATTEMPT, run: 1, stream: 'stdout', offsetBytes: startBytes, data, observedAtMs: 1_000, ...parts };
}

async function intakeIn(
  path: string,
  options: { store?: LogStore; mostPendingBytes?: number; foreign?: AttemptId } = {},
) {
  const files = new FileLogStore(nodeDisk, path);
  const store = options.store ?? files;
  const settled: { attemptId: AttemptId; tallies: readonly StreamTally[] }[] = [];
  const logs = captureLogs();
  const intake = new LogIntake({
    store,
    owners: { ownerOf: () => NODE, isForeign: (id) => id === options.foreign },
    onSettled: (attemptId, tallies) => settled.push({ attemptId, tallies }),
    clock: systemClock,
    logger: logs.logger,
    ...(options.mostPendingBytes === undefined ? {} : { mostPendingBytes: options.mostPendingBytes }),
  });
  const read = (readOptions: Partial<LogReadOptions> = {}, signal = never) =>
    readLog({ store, logs: intake.logs }, { attemptId: ATTEMPT, run: 1 }, { follow: false, ...readOptions }, signal);
  return {
    intake,
    store,
    settled,
    logs,
    read,
    async [Symbol.asyncDispose]() {
      await intake.close();
      await files.close();
    },
  };
}

async function all(events: AsyncIterable<LogEvent>): Promise<LogEvent[]> {
  const list: LogEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

/** The bytes of a stream as a reader sees them, gaps as their length. */
function textOf(
  events: readonly LogEvent[],
  stream: OutputStreamName = 'stdout',
): { data: Buffer; missingBytes: number } {
  const mine = events.flatMap((event) => (event.kind === 'data' && event.stream === stream ? [event.data] : []));
  const gaps = events.flatMap((event) =>
    event.kind === 'missing' && event.stream === stream ? [event.lengthBytes] : [],
  );
  return { data: Buffer.concat(mine), missingBytes: gaps.reduce((sum, each) => sum + each, 0) };
}

describe('the intake of output', () => {
  it('P28: acknowledges what is durable: a store opened anew has it', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acked } = sessionOf(NODE);
    await world.intake.chunk(session, chunk(0, 100));
    await eventually(() => acked('stdout') === 100);
    await using again = new FileLogStore(nodeDisk, dir.path);
    expect((await again.recover({ attemptId: ATTEMPT, run: 1 })).stdout.storedBytes).toBe(100);
  });

  it('P29: cuts a chunk that begins before what is stored to what is new', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acked } = sessionOf(NODE);
    await world.intake.chunk(session, chunk(0, 100));
    await world.intake.chunk(session, chunk(40, 100));
    await eventually(() => acked('stdout') === 140);
    expect(textOf(await all(world.read())).data.equals(Buffer.from(bytesOf(0, 140)))).toBe(true);
  });

  it('P29: answers a chunk that begins after what is stored with where to go on', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acks } = sessionOf(NODE);
    await world.intake.chunk(session, chunk(500, 10));
    expect(acks).toEqual([{ attemptId: ATTEMPT, run: 1, stream: 'stdout', nextOffsetBytes: 0, beyondDropped: false }]);
  });

  it('P28: acknowledges again what comes twice', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const first = sessionOf(NODE);
    await world.intake.chunk(first.session, chunk(0, 100));
    await eventually(() => first.acked('stdout') === 100);
    const second = sessionOf(NODE);
    await world.intake.chunk(second.session, chunk(0, 100));
    expect(second.acked('stdout')).toBe(100);
  });

  it('P30: counts a gap as settled: stored and missing bytes together are those produced', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acked } = sessionOf(NODE);
    await world.intake.chunk(session, chunk(0, 10));
    const gap = {
      attemptId: ATTEMPT,
      run: 1,
      stream: 'stdout',
      offsetBytes: 5,
      lengthBytes: 25,
      reason: 'spool_full',
    } as const;
    await world.intake.gap(session, gap);
    await world.intake.chunk(session, chunk(30, 10));
    await eventually(() => acked('stdout') === 40);
    world.intake.lengthsKnown(ATTEMPT, [{ run: 1, stream: 'stdout', lengthBytes: 40 }]);
    await eventually(() => world.settled.length === 1);
    expect(world.settled[0]?.tallies).toEqual([
      { run: 1, stream: 'stdout', storedBytes: 20, missingBytes: 20, producedBytes: 40 },
    ]);
    const events = await all(world.read());
    expect(events[1]).toEqual({
      kind: 'missing',
      stream: 'stdout',
      startBytes: 10,
      lengthBytes: 20,
      reason: 'spool_full',
    });
    expect(events.at(-1)).toMatchObject({ kind: 'end', complete: true });
  });

  it('P31: is complete when each stream has the length that the status named, whichever comes first', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session } = sessionOf(NODE);
    world.intake.lengthsKnown(ATTEMPT, [
      { run: 1, stream: 'stdout', lengthBytes: 10 },
      { run: 1, stream: 'stderr', lengthBytes: 0 },
    ]);
    await world.intake.chunk(session, chunk(0, 9));
    await world.intake.chunk(session, chunk(9, 1));
    await eventually(() => world.settled.length === 1);
    expect(world.settled[0]).toEqual({
      attemptId: ATTEMPT,
      tallies: [
        { run: 1, stream: 'stdout', storedBytes: 10, missingBytes: 0, producedBytes: 10 },
        { run: 1, stream: 'stderr', storedBytes: 0, missingBytes: 0, producedBytes: 0 },
      ],
    });
  });

  it('an attempt without output is settled at once', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    world.intake.lengthsKnown(ATTEMPT, []);
    await eventually(() => world.settled.length === 1);
    expect(world.settled[0]?.tallies).toEqual([]);
  });

  it('a log that ends early has the rest as a gap where its length is known, and is not complete where it is not', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session } = sessionOf(NODE);
    await world.intake.chunk(session, chunk(0, 10));
    await world.intake.chunk(session, chunk(0, 10, { attemptId: OTHER }));
    world.intake.endLog(ATTEMPT, [{ run: 1, stream: 'stdout', lengthBytes: 25 }]);
    world.intake.endLog(OTHER, undefined);
    await eventually(() => world.settled.length === 2);
    const talliesOf = (id: AttemptId) => world.settled.find((each) => each.attemptId === id)?.tallies;
    expect(talliesOf(ATTEMPT)).toEqual([
      { run: 1, stream: 'stdout', storedBytes: 10, missingBytes: 15, producedBytes: 25 },
    ]);
    expect(talliesOf(OTHER)).toEqual([{ run: 1, stream: 'stdout', storedBytes: 10, missingBytes: 0 }]);
  });

  it('P24: refuses another node, and keeps nothing', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    expect(await world.intake.chunk(sessionOf(STRANGER).session, chunk(0, 5))).toBe('unknown');
    expect(await nodeDisk.list(dir.path)).toEqual([]);
  });

  it('P22: acknowledges output of a foreign attempt and keeps nothing', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path, { foreign: ATTEMPT });
    const { session, acked } = sessionOf(NODE);
    expect(await world.intake.chunk(session, chunk(70, 5))).toBe('taken');
    expect(acked('stdout')).toBe(75);
    expect(await nodeDisk.list(dir.path)).toEqual([]);
  });

  it('tells an agent that says hello where each stream goes on', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acked } = sessionOf(NODE);
    await world.intake.chunk(session, chunk(0, 12, { stream: 'stderr' }));
    await eventually(() => acked('stderr') === 12);
    expect(await world.intake.positions(ATTEMPT)).toEqual([
      { attemptId: ATTEMPT, run: 1, stream: 'stderr', nextOffsetBytes: 12 },
    ]);
  });

  it('stores the right bytes whatever is split, repeated, overlapping or sent too far ahead', async () => {
    const sends = fc.array(
      fc.record({ back: fc.integer({ min: -40, max: 200 }), length: fc.integer({ min: 1, max: 300 }) }),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    await fc.assert(
      fc.asyncProperty(sends, async (list) => {
        await using dir = await tempDir();
        await using world = await intakeIn(dir.path);
        const { session, acked } = sessionOf(NODE);
        let end = 0;
        for (const { back, length } of list) {
          const startBytes = Math.max(0, end - back);
          await world.intake.chunk(session, chunk(startBytes, length));
          if (startBytes <= end) end = Math.max(end, startBytes + length);
        }
        await eventually(() => acked('stdout') === end);
        expect(textOf(await all(world.read())).data.equals(Buffer.from(bytesOf(0, end)))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

describe('an intake whose disk fails', () => {
  it('holds what it has, drops what is too much, and tells the node where to go on once the disk heals', async () => {
    await using dir = await tempDir();
    await using files = new FileLogStore(nodeDisk, dir.path);
    let full = true;
    const store: LogStore = {
      recover: (key) => files.recover(key),
      records: (key, from, most) => files.records(key, from, most),
      read: (key, stream, startBytes, lengthBytes) => files.read(key, stream, startBytes, lengthBytes),
      runs: (id) => files.runs(id),
      remove: (id) => files.remove(id),
      append: (key, extent, pieces) =>
        full ? Promise.reject(new AppError('resource_exhausted', 'disk full')) : files.append(key, extent, pieces),
    };
    await using world = await intakeIn(dir.path, { store, mostPendingBytes: 1_000 });
    const { session, acks, acked } = sessionOf(NODE);
    for (let at = 0; at < 3_000; at += 500) await world.intake.chunk(session, chunk(at, 500));
    expect(acks).toEqual([]);
    expect(world.intake.pendingBytes).toBeLessThan(2_000);
    await eventually(() => world.logs.text().includes('cannot store output'));
    full = false;
    await eventually(() => acks.some((ack) => ack.beyondDropped));
    const from = acked('stdout');
    expect(from).toBeLessThan(3_000);
    await world.intake.chunk(session, chunk(from, 3_000 - from));
    await eventually(() => acked('stdout') === 3_000);
    expect(textOf(await all(world.read())).data.equals(Buffer.from(bytesOf(0, 3_000)))).toBe(true);
  });
});

describe('reading output', () => {
  it('gives both streams in the order of arrival, adjacent pieces as one', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acked } = sessionOf(NODE);
    await world.intake.chunk(session, chunk(0, 10));
    await world.intake.chunk(session, chunk(10, 10));
    await world.intake.chunk(session, chunk(0, 5, { stream: 'stderr' }));
    await world.intake.chunk(session, chunk(20, 10));
    await world.intake.chunk(session, chunk(30, 10, { observedAtMs: 9_000 }));
    await eventually(() => acked('stdout') === 40 && acked('stderr') === 5);
    const shown = (await all(world.read())).map((event) =>
      event.kind === 'data' ? [event.stream, event.startBytes, event.data.byteLength] : [event.kind],
    );
    expect(shown).toEqual([['stdout', 0, 20], ['stderr', 0, 5], ['stdout', 20, 10], ['stdout', 30, 10], ['end']]);
  });

  it('begins where the reader left off, in one stream, and since a time', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acked } = sessionOf(NODE);
    await world.intake.chunk(session, chunk(0, 10, { observedAtMs: 1_000 }));
    await world.intake.chunk(session, chunk(10, 10, { observedAtMs: 5_000 }));
    await world.intake.chunk(session, chunk(0, 7, { stream: 'stderr', observedAtMs: 5_000 }));
    await eventually(() => acked('stdout') === 20 && acked('stderr') === 7);
    const stdout = await all(world.read({ stream: 'stdout', from: { stdout: 15 } }));
    expect(textOf(stdout).data.equals(Buffer.from(bytesOf(15, 5)))).toBe(true);
    expect(textOf(stdout, 'stderr').data.byteLength).toBe(0);
    expect(textOf(await all(world.read({ sinceMs: 2_000 }))).data.byteLength).toBe(10);
  });

  it('follows until the log is settled, and ends with what it came to', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session } = sessionOf(NODE);
    const following = all(world.read({ follow: true }));
    for (let at = 0; at < 1_000; at += 100) await world.intake.chunk(session, chunk(at, 100));
    world.intake.lengthsKnown(ATTEMPT, [{ run: 1, stream: 'stdout', lengthBytes: 1_000 }]);
    const events = await following;
    expect(textOf(events).data.equals(Buffer.from(bytesOf(0, 1_000)))).toBe(true);
    expect(events.at(-1)).toEqual({
      kind: 'end',
      complete: true,
      tallies: [{ run: 1, stream: 'stdout', storedBytes: 1_000, missingBytes: 0, producedBytes: 1_000 }],
    });
  });

  it('stops following when it is told to', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const stop = new AbortController();
    const following = all(world.read({ follow: true }, stop.signal));
    stop.abort(new Error('enough'));
    await expect(following).rejects.toThrow('enough');
  });

  it('says that a log is not complete while it is not, and that it is once the store says so', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    expect((await all(world.read())).at(-1)).toMatchObject({ kind: 'end', complete: false });
    const final = { complete: true, produced: { stdout: 0 } };
    expect((await all(world.read({ follow: true, final }))).at(-1)).toMatchObject({ kind: 'end', complete: true });
  });

  it('names bytes as missing that somebody took from the disk', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acked } = sessionOf(NODE);
    await world.intake.chunk(session, chunk(0, 100));
    await eventually(() => acked('stdout') === 100);
    await using file = await nodeDisk.open(dir.join('av', `${ATTEMPT}-1.stdout`), 'read_write');
    await file.truncate(60);
    const events = await all(world.read());
    expect(textOf(events).data.byteLength).toBe(60);
    expect(events[1]).toMatchObject({ kind: 'missing', startBytes: 60, lengthBytes: 40, reason: 'disk_error' });
  });

  it('a reader that takes nothing holds back no output, and 64 MiB arrive as they were sent', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acked } = sessionOf(NODE);
    const slow = world.read({ follow: true });
    const size = 64 * 1024 * 1024;
    const part = bytesOf(0, 65_536);
    const first = slow.next();
    for (let at = 0; at < size; at += part.byteLength) await world.intake.chunk(session, chunk(at, 0, { data: part }));
    await eventually(() => acked('stdout') === size, { withinMs: 20_000 });
    world.intake.lengthsKnown(ATTEMPT, [{ run: 1, stream: 'stdout', lengthBytes: size }]);
    await eventually(() => world.settled.length === 1);
    let readBytes = 0;
    let wrong = 0;
    const count = (event: LogEvent): void => {
      if (event.kind !== 'data') return;
      for (let at = 0; at < event.data.byteLength; at += 4_099) {
        if (event.data[at] !== part[(event.startBytes + at) % part.byteLength]) wrong += 1;
      }
      readBytes += event.data.byteLength;
    };
    const head = await first;
    if (head.done !== true) count(head.value);
    for await (const event of slow) count(event);
    expect([readBytes, wrong]).toEqual([size, 0]);
  }, 30_000);
});
