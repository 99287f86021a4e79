/** An intake on a real directory, a session of which only the acknowledgements matter, and readers: what the tests of logs stand on. */
import { systemClock } from '@muster/common/clock/clock';
import { nodeDisk } from '@muster/common/disk/node-disk';
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
import type { OutputStreamName, StreamTally } from '../domain/job.ts';
import type { AgentSession, IncomingChunk, LogPosition } from '../sessions/session-ports.ts';
import { FileLogStore } from './file-log-store.ts';
import { LogIntake } from './log-intake.ts';
import { type LogEvent, type LogReadOptions, readLog } from './log-reader.ts';
import type { LogStore } from './log-store.ts';

const ID = '01arz3ndektsv4rrffq69g5fav';
export const ATTEMPT = asAttemptId(ID);
export const OTHER = asAttemptId('01arz3ndektsv4rrffq69g5faw');
export const NODE = asNodeId(ID);
export const STRANGER = asNodeId('01arz3ndektsv4rrffq69g5fax');
const never = new AbortController().signal;

/** A session of which only the acknowledgements matter. */
export function sessionOf(nodeId: NodeId) {
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
    heardAtMs: 0,
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

export function bytesOf(startBytes: number, lengthBytes: number): Uint8Array {
  return Uint8Array.from(
    { length: lengthBytes },
    (_, at) => ((startBytes + at) * 31 + ((startBytes + at) >> 8)) & 0xff,
  );
}

export function chunk(startBytes: number, lengthBytes: number, parts: Partial<IncomingChunk> = {}): IncomingChunk {
  const data = bytesOf(startBytes, lengthBytes);
  return { attemptId: ATTEMPT, run: 1, stream: 'stdout', offsetBytes: startBytes, data, observedAtMs: 1_000, ...parts };
}

export async function intakeIn(path: string, options: { store?: LogStore; mostPendingBytes?: number } = {}) {
  const files = new FileLogStore(nodeDisk, path);
  const store = options.store ?? files;
  const settled: { attemptId: AttemptId; tallies: readonly StreamTally[] }[] = [];
  const logs = captureLogs();
  const intake = new LogIntake({
    store,
    owners: { ownerOf: () => NODE },
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

export async function all(events: AsyncIterable<LogEvent>): Promise<LogEvent[]> {
  const list: LogEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

/** The bytes of a stream as a reader sees them, gaps as their length. */
export function textOf(
  events: readonly LogEvent[],
  stream: OutputStreamName = 'stdout',
): { data: Buffer; missingBytes: number } {
  const mine = events.flatMap((event) => (event.kind === 'data' && event.stream === stream ? [event.data] : []));
  const gaps = events.flatMap((event) =>
    event.kind === 'missing' && event.stream === stream ? [event.lengthBytes] : [],
  );
  return { data: Buffer.concat(mine), missingBytes: gaps.reduce((sum, each) => sum + each, 0) };
}
