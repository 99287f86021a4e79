import { describe, expect, it } from '@jest/globals';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { eventually } from '@muster/testing/eventually';
import { tempDir } from '@muster/testing/temp-dir';
import type { LogEvent } from './log-reader.ts';
import { ATTEMPT, all, bytesOf, chunk, intakeIn, NODE, sessionOf, textOf } from './log-world.fixture.ts';

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
