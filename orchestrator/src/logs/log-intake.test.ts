import { describe, expect, it } from '@jest/globals';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { AppError } from '@muster/common/errors/app-error';
import type { AttemptId } from '@muster/common/ids/ids';
import { eventually } from '@muster/testing/eventually';
import { tempDir } from '@muster/testing/temp-dir';
import fc from 'fast-check';
import { FileLogStore } from './file-log-store.ts';
import type { LogStore } from './log-store.ts';
import {
  ATTEMPT,
  all,
  bytesOf,
  chunk,
  intakeIn,
  NODE,
  OTHER,
  STRANGER,
  sessionOf,
  textOf,
} from './log-world.fixture.ts';

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

  it('P22: keeps the output of a foreign attempt from its beginning', async () => {
    await using dir = await tempDir();
    await using world = await intakeIn(dir.path);
    const { session, acked } = sessionOf(NODE);
    // Another store had the first seventy bytes; ours asks for them.
    expect(await world.intake.chunk(session, chunk(70, 5))).toBe('taken');
    expect(acked('stdout')).toBe(0);
    await world.intake.chunk(session, chunk(0, 75));
    await eventually(() => acked('stdout') === 75);
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

  it('stores other logs while some can not be stored', async () => {
    await using dir = await tempDir();
    await using files = new FileLogStore(nodeDisk, dir.path);
    const store: LogStore = {
      recover: (key) => files.recover(key),
      records: (key, from, most) => files.records(key, from, most),
      read: (key, stream, startBytes, lengthBytes) => files.read(key, stream, startBytes, lengthBytes),
      runs: (id) => files.runs(id),
      remove: (id) => files.remove(id),
      append: (key, extent, pieces) =>
        key.attemptId === ATTEMPT
          ? Promise.reject(new AppError('internal', 'cannot write: EFBIG'))
          : files.append(key, extent, pieces),
    };
    await using world = await intakeIn(dir.path, { store });
    const { session, acks } = sessionOf(NODE);
    for (let run = 1; run <= 8; run += 1) await world.intake.chunk(session, chunk(0, 10, { run }));
    await eventually(() => world.logs.text().includes('cannot store output'));
    await world.intake.chunk(session, chunk(0, 10, { attemptId: OTHER }));
    await eventually(() => acks.length > 0);
    expect(acks).toMatchObject([{ attemptId: OTHER, nextOffsetBytes: 10 }]);
  });
});
