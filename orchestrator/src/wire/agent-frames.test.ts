import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { isAppError } from '@muster/common/errors/app-error';
import { asAttemptId, asNodeId } from '@muster/common/ids/ids';
import { AttemptStatusSchema } from '@muster/gen/muster/agent/v1/assignment_pb';
import { LogChunkSchema, LogGapSchema } from '@muster/gen/muster/agent/v1/log_pb';
import { type Hello, HelloSchema } from '@muster/gen/muster/agent/v1/session_pb';
import { AttemptState, OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { parseAttemptStatus, parseChunk, parseGap, parseHello } from './agent-frames-in.ts';
import { changeSet } from './agent-frames-out.ts';

const ATTEMPT = '01arz3ndektsv4rrffq69g5fav';
const LEDGER = '01arz3ndektsv4rrffq69g5faw';
const NODE = asNodeId('01arz3ndektsv4rrffq69g5fax');
const NOW_MS = 1_700_000_000_000;

const goodHello = {
  ledgerId: LEDGER,
  bootId: 'boot',
  processId: LEDGER,
  machineIdHash: 'ab',
  agentVersion: '0.1.0',
  fingerprint: {},
};

type HelloParts = Pick<
  Extract<MessageInitShape<typeof HelloSchema>, { $typeName?: never }>,
  'attempts' | 'fingerprint'
>;

describe('hello', () => {
  it('without a number of attempts allows 128', () => {
    expect(parseHello(create(HelloSchema, goodHello)).maxAttempts).toBe(128);
    expect(parseHello(create(HelloSchema, { ...goodHello, maxAttempts: 1 })).maxAttempts).toBe(1);
  });

  it.each<[string, Partial<Omit<Hello, '$typeName' | '$unknown' | 'attempts' | 'fingerprint'>> & HelloParts]>([
    ['hello.ledger_id', { ledgerId: '../../etc' }],
    ['hello.process_id', { processId: '' }],
    ['hello.boot_id', { bootId: '' }],
    ['hello.machine_id_hash', { machineIdHash: 'x'.repeat(257) }],
    ['hello.highest_store_epoch', { highestStoreEpoch: 2n ** 60n }],
    ['hello.attempts[0].attempt_id', { attempts: [{ attemptId: 'no', state: AttemptState.RUNNING }] }],
    ['hello.attempts[0].state', { attempts: [{ attemptId: ATTEMPT }] }],
    ['hello.fingerprint.gpus', { fingerprint: { gpus: Array.from({ length: 1025 }, () => ({})) } }],
  ])('names %s when that is not as it must be', (field, part) => {
    expect(fieldOf(() => parseHello(create(HelloSchema, { ...goodHello, ...part })))).toBe(field);
  });
});

describe('attempt_status', () => {
  it('takes the time of arrival where the node names none', () => {
    const status = create(AttemptStatusSchema, { attemptId: ATTEMPT, state: AttemptState.RUNNING, pid: 7 });
    expect(parseAttemptStatus(status, NODE, NOW_MS)).toEqual({
      attemptId: ATTEMPT,
      nodeId: NODE,
      state: { kind: 'running', pid: 7, startedAtMs: NOW_MS },
      streamLengths: [],
      atMs: NOW_MS,
    });
  });

  it.each<[string, MessageInitShape<typeof AttemptStatusSchema>]>([
    ['attempt_status.state', {}],
    ['attempt_status.state', { state: AttemptState.ACCEPTED }],
    ['attempt_status.outcome', { state: AttemptState.ENDED }],
    ['attempt_status.outcome', { state: AttemptState.NOT_RUN, outcome: { outcome: { case: 'ended', value: {} } } }],
    ['attempt_status.started_time', { state: AttemptState.RUNNING, startedTime: { seconds: 2n ** 40n } }],
    [
      'attempt_status.stream_lengths[0].stream',
      {
        state: AttemptState.ENDED,
        outcome: { outcome: { case: 'ended', value: { how: { case: 'exited', value: {} } } } },
        streamLengths: [{ run: 1, lengthBytes: 5n }],
      },
    ],
    [
      'attempt_status.stream_lengths',
      {
        state: AttemptState.ENDED,
        outcome: { outcome: { case: 'ended', value: { how: { case: 'exited', value: {} } } } },
        streamLengths: Array.from({ length: 257 }, (_, run) => ({ run: run + 1, stream: OutputStream.STDOUT })),
      },
    ],
  ])('names %s when that is not as it must be', (field, part) => {
    const status = create(AttemptStatusSchema, { attemptId: ATTEMPT, ...part });
    expect(fieldOf(() => parseAttemptStatus(status, NODE, NOW_MS))).toBe(field);
  });
});

describe('output', () => {
  const chunk = { attemptId: ATTEMPT, run: 1, stream: OutputStream.STDERR, offsetBytes: 10n, data: new Uint8Array(3) };

  it('is taken with its place', () => {
    const { data, ...rest } = parseChunk(create(LogChunkSchema, chunk), NOW_MS);
    expect(data.byteLength).toBe(3);
    expect(rest).toEqual({ attemptId: ATTEMPT, run: 1, stream: 'stderr', offsetBytes: 10, observedAtMs: NOW_MS });
  });

  it.each<[string, MessageInitShape<typeof LogChunkSchema>]>([
    ['log_chunk.data', { data: new Uint8Array(0) }],
    ['log_chunk.data', { data: new Uint8Array(256 * 1024 + 1) }],
    ['log_chunk.run', { run: 0 }],
    ['log_chunk.stream', { stream: OutputStream.UNSPECIFIED }],
    ['log_chunk.offset_bytes', { offsetBytes: 2n ** 53n - 2n }],
    ['log_chunk.attempt_id', { attemptId: '../../../../etc/passwd' }],
  ])('is refused for its %s', (field, part) => {
    expect(fieldOf(() => parseChunk(create(LogChunkSchema, { ...chunk, ...part }), NOW_MS))).toBe(field);
  });

  it('that is gone is at least one byte', () => {
    const gap = create(LogGapSchema, { attemptId: ATTEMPT, run: 1, stream: OutputStream.STDOUT });
    expect(fieldOf(() => parseGap(gap))).toBe('log_gap.length_bytes');
  });
});

describe('a change set', () => {
  it('names the revision that it follows', () => {
    const message = changeSet(3, [{ kind: 'withdraw', attemptId: asAttemptId(ATTEMPT) }]);
    if (message.case !== 'assignments' || message.value.set.case !== 'changes') throw new Error('no changes');
    expect(message.value.revision).toBe(3n);
    expect(message.value.set.value.followsRevision).toBe(2n);
    expect(message.value.set.value.changes[0]?.change.case).toBe('withdraw');
  });
});

function fieldOf(parse: () => unknown): string | undefined {
  try {
    parse();
  } catch (error) {
    if (isAppError(error, 'invalid_argument')) return error.field;
    throw error;
  }
  throw new Error('it was taken');
}
