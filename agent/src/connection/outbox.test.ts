import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AttemptStatusSchema } from '@muster/gen/muster/agent/v1/assignment_pb';
import { LogChunkSchema } from '@muster/gen/muster/agent/v1/log_pb';
import { HeartbeatSchema } from '@muster/gen/muster/agent/v1/session_pb';
import { AttemptState } from '@muster/gen/muster/job/v1/status_pb';
import { eventually } from '@muster/testing/eventually';
import { type OutboundMessage, Outbox } from './outbox.ts';
import type { LogFrame } from './session-ports.ts';
import { StatusOutbox } from './status-outbox.ts';

const heartbeat: OutboundMessage = { case: 'heartbeat', value: create(HeartbeatSchema) };
const status = (attemptId: string, state: AttemptState) => create(AttemptStatusSchema, { attemptId, state });
const piece = (offset: number): LogFrame => ({
  case: 'logChunk',
  value: create(LogChunkSchema, { attemptId: 'a', offsetBytes: BigInt(offset) }),
});
const never = new AbortController().signal;

let statuses: StatusOutbox;
let outbox: Outbox;
beforeEach(() => {
  statuses = new StatusOutbox();
  outbox = new Outbox(statuses);
});

/** What is taken next, in one word. */
async function next(): Promise<string> {
  const message = await outbox.take(never);
  if (message.case === 'attemptStatus') return `${message.value.attemptId} ${AttemptState[message.value.state]}`;
  return message.case === 'logChunk' ? `output ${message.value.offsetBytes}` : String(message.case);
}

async function nexts(count: number): Promise<string[]> {
  const words: string[] = [];
  for (let index = 0; index < count; index += 1) words.push(await next());
  return words;
}

/** Whether a promise is settled once everything that could run has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const mark = (): void => {
    done = true;
  };
  promise.then(mark, mark);
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return done;
}

describe('the outbox of a session', () => {
  it('sends heartbeats and answers before results, and results before output, whatever came first', async () => {
    for (const offset of [0, 1]) await outbox.log(piece(offset), never);
    statuses.report(status('a', AttemptState.ENDED));
    statuses.report(status('b', AttemptState.RUNNING));
    outbox.answer(heartbeat);
    expect(await nexts(3)).toEqual(['heartbeat', 'a ENDED', 'b RUNNING']);
    statuses.report(status('c', AttemptState.NOT_RUN));
    outbox.answer(heartbeat);
    expect(await nexts(4)).toEqual(['heartbeat', 'c NOT_RUN', 'output 0', 'output 1']);
  });

  it('sends a heartbeat within one frame of output, however much output waits for room', async () => {
    const writer = (async () => {
      for (let offset = 0; offset < 50; offset += 1) await outbox.log(piece(offset), never);
    })();
    const words: string[] = [];
    for (let turn = 0; turn < 50; turn += 1) {
      words.push(await next());
      outbox.answer(heartbeat);
      words.push(await next());
    }
    await writer;
    expect(words).toEqual(Array.from({ length: 50 }, (_, offset) => [`output ${offset}`, 'heartbeat']).flat());
  });

  it('holds four frames of output and lets the fifth wait until one is taken', async () => {
    for (let offset = 0; offset < 4; offset += 1) await outbox.log(piece(offset), never);
    const fifth = outbox.log(piece(4), never);
    expect(await settled(fifth)).toBe(false);
    expect(await next()).toBe('output 0');
    await fifth;
    expect(await nexts(4)).toEqual(['output 1', 'output 2', 'output 3', 'output 4']);
  });

  it('forgets the output that was waiting for room when the session ends, and nothing else', async () => {
    const ending = new AbortController();
    for (let offset = 0; offset < 4; offset += 1) await outbox.log(piece(offset), never);
    const fifth = outbox.log(piece(4), ending.signal);
    const reason = new Error('the session is over');
    ending.abort(reason);
    await expect(fifth).rejects.toBe(reason);
    expect(await nexts(4)).toEqual(['output 0', 'output 1', 'output 2', 'output 3']);
    expect(await settled(outbox.take(AbortSignal.timeout(60_000)))).toBe(false);
  });

  it('refuses the answer after 1,024 that nobody takes, and goes on when they are taken', async () => {
    for (let count = 0; count < 1_024; count += 1) outbox.answer(heartbeat);
    expect(() => outbox.answer(heartbeat)).toThrow(expect.objectContaining({ code: 'resource_exhausted' }));
    await next();
    outbox.answer(heartbeat);
    expect(() => outbox.answer(heartbeat)).toThrow(/asks without reading/);
  });

  it.each<[string, () => void, string]>([
    ['an answer', () => outbox.answer(heartbeat), 'heartbeat'],
    ['a result', () => statuses.report(status('a', AttemptState.ENDED)), 'a ENDED'],
    ['output', () => void outbox.log(piece(7), never), 'output 7'],
  ])('wakes its writer for %s', async (_what, come, word) => {
    const taken = next();
    expect(await settled(taken)).toBe(false);
    come();
    expect(await taken).toBe(word);
  });

  it('lets its writer go with the reason when the session ends', async () => {
    const ending = new AbortController();
    const taken = outbox.take(ending.signal);
    const reason = new Error('the session is over');
    ending.abort(reason);
    await expect(taken).rejects.toBe(reason);
    outbox.answer(heartbeat);
    await expect(outbox.take(ending.signal)).rejects.toBe(reason);
  });

  it('takes no output once it is closed, and is woken by no status any more', async () => {
    const waiting = settled(outbox.take(never));
    outbox[Symbol.dispose]();
    await expect(outbox.log(piece(0), never)).rejects.toMatchObject({ code: 'failed_precondition' });
    statuses.report(status('a', AttemptState.ENDED));
    expect(await waiting).toBe(false);
  });
});

describe('statuses that wait for their acknowledgement', () => {
  it('are sent again by the next session, the newest of each attempt once', async () => {
    statuses.report(status('a', AttemptState.RUNNING));
    statuses.report(status('b', AttemptState.RUNNING));
    expect(await nexts(2)).toEqual(['a RUNNING', 'b RUNNING']);
    outbox[Symbol.dispose]();
    statuses.report(status('a', AttemptState.STOPPING));
    statuses.report(status('a', AttemptState.ENDED));
    outbox = new Outbox(statuses);
    const words = await nexts(2);
    expect(words.sort()).toEqual(['a ENDED', 'b RUNNING']);
    expect(statuses.take()).toBeUndefined();
  });

  it('never fall back to a lower state', async () => {
    statuses.report(status('a', AttemptState.ENDED));
    statuses.report(status('a', AttemptState.RUNNING));
    expect(await next()).toBe('a ENDED');
    expect(statuses.take()).toBeUndefined();
  });

  it('wait on when an older one is acknowledged, and rest when the newest is', async () => {
    statuses.report(status('a', AttemptState.RUNNING));
    await next();
    statuses.report(status('a', AttemptState.ENDED));
    statuses.acked('a', AttemptState.RUNNING);
    expect(await next()).toBe('a ENDED');
    statuses.acked('a', AttemptState.ENDED);
    statuses.resendAll();
    expect(statuses.take()).toBeUndefined();
  });

  it('are gone when nothing more is to be said, and an acknowledgement of an unknown one changes nothing', async () => {
    statuses.report(status('a', AttemptState.RUNNING));
    statuses.report(status('b', AttemptState.RUNNING));
    statuses.drop('a');
    statuses.acked('zzz', AttemptState.RUNNING);
    expect(await next()).toBe('b RUNNING');
    expect(statuses.take()).toBeUndefined();
  });

  it('wake the writer of the newest session only', async () => {
    const older = outbox;
    outbox = new Outbox(statuses);
    older[Symbol.dispose]();
    const taken = next();
    statuses.report(status('a', AttemptState.ENDED));
    await eventually(() => settled(taken));
    expect(await taken).toBe('a ENDED');
  });
});
