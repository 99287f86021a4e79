/**
 * What agents say, checked and in the domain's words. A node is trusted with nothing but its own attempts: every text,
 * number and list has a bound, and whatever does not fit is refused with the field's path.
 */
import { assertNever } from '@muster/common/assert-never/assert-never';
import { AppError } from '@muster/common/errors/app-error';
import {
  asAttemptId,
  asLedgerId,
  asProcessId,
  type LedgerId,
  type NodeId,
  type ProcessId,
} from '@muster/common/ids/ids';
import type { AssignmentReply, AttemptStatus, StreamLength } from '@muster/gen/muster/agent/v1/assignment_pb';
import type { LogChunk, LogGap } from '@muster/gen/muster/agent/v1/log_pb';
import type { HeldAttempt as HeldAttemptProto, Hello } from '@muster/gen/muster/agent/v1/session_pb';
import type { Fingerprint } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { AttemptState } from '../domain/job.ts';
import type { StatusReport } from '../jobs/job-store.ts';
import type { HeldAttempt, HelloReport, IncomingChunk, IncomingGap, OfferReply } from '../sessions/session-ports.ts';
import { endedFromProto, notRunFromProto } from './outcome.ts';
import { fromTimestamp, toSafeInteger } from './scalars.ts';
import { attemptStates, gapReasons, outputStreams } from './status-enums.ts';

/** Largest chunk of output, 256 KiB (P27). */
export const LARGEST_CHUNK_BYTES = 256 * 1024;
/** Attempts at once where hello names no limit. */
const DEFAULT_MAX_ATTEMPTS = 128;
/** More attempts at once than any machine of today runs; keeps a hostile number from steering placement. */
const MOST_ATTEMPTS = 100_000;
/** Labels of an agent's start; as many as a person would ever write. */
const MOST_LABELS = 256;
const LONGEST_LABEL = 256;
const LONGEST_TEXT = 256;
/** Lengths of streams in one status: a batch attempt has two. Each is looked up among the others. */
const MOST_LENGTHS = 256;
/** Longest text of what is being prepared. */
const LONGEST_PHASE = 500;
/** Accelerators of one machine, and file systems and interpreters, as fingerprint.proto bounds them. */
const MOST_GPUS = 1024;
const MOST_PARTS = 64;

/** What hello says of the session and of the node. */
export interface ParsedHello {
  readonly ledgerId: LedgerId;
  readonly bootId: string;
  readonly processId: ProcessId;
  readonly maxAttempts: number;
  readonly report: HelloReport;
}

/** Reads hello. Throws `invalid_argument` naming the field. */
export function parseHello(hello: Hello): ParsedHello {
  if (hello.fingerprint === undefined) throw invalid('hello.fingerprint', 'must be set');
  return {
    ledgerId: asLedgerId(hello.ledgerId, 'hello.ledger_id'),
    bootId: requireText(hello.bootId, 'hello.boot_id'),
    processId: asProcessId(hello.processId, 'hello.process_id'),
    maxAttempts: Math.min(hello.maxAttempts === 0 ? DEFAULT_MAX_ATTEMPTS : hello.maxAttempts, MOST_ATTEMPTS),
    report: {
      highestStoreEpoch: toSafeInteger(hello.highestStoreEpoch, 'hello.highest_store_epoch'),
      machineIdHash: requireText(hello.machineIdHash, 'hello.machine_id_hash'),
      agentVersion: requireText(hello.agentVersion, 'hello.agent_version'),
      labels: checkLabels(hello.labels),
      fingerprint: checkFingerprint(hello.fingerprint, 'hello.fingerprint'),
      held: hello.attempts.map((attempt, at) => parseHeld(attempt, `hello.attempts[${at}]`)),
    },
  };
}

function parseHeld(attempt: HeldAttemptProto, field: string): HeldAttempt {
  return {
    attemptId: asAttemptId(attempt.attemptId, `${field}.attempt_id`),
    run: attempt.run,
    state: attemptStates.fromProto(attempt.state, `${field}.state`),
  };
}

/** Refuses a fingerprint with more parts than the contract allows. Returns it unchanged. */
export function checkFingerprint(fingerprint: Fingerprint, field: string): Fingerprint {
  const bounds = [
    ['gpus', fingerprint.gpus.length, MOST_GPUS],
    ['disks', fingerprint.disks.length, MOST_PARTS],
    ['interpreters', fingerprint.interpreters.length, MOST_PARTS],
    ['drivers', fingerprint.drivers.length, MOST_PARTS],
    ['probe_failures', fingerprint.probeFailures.length, MOST_PARTS],
  ] as const;
  for (const [name, count, most] of bounds) {
    if (count > most) throw invalid(`${field}.${name}`, `${count} entries; ${most} at most`);
  }
  return fingerprint;
}

function checkLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(labels);
  if (entries.length > MOST_LABELS) throw invalid('hello.labels', `${entries.length} labels; ${MOST_LABELS} at most`);
  for (const [key, value] of entries) {
    if (key.length > LONGEST_LABEL || value.length > LONGEST_LABEL) {
      throw invalid('hello.labels', `a key or value is longer than ${LONGEST_LABEL} characters`);
    }
  }
  return labels;
}

/** Reads where an attempt stands. `atMs`: when it came, by our clock; stands in where the node names no time. */
export function parseAttemptStatus(status: AttemptStatus, nodeId: NodeId, atMs: number): StatusReport {
  const count = status.streamLengths.length;
  if (count > MOST_LENGTHS) throw invalid('attempt_status.stream_lengths', `${count} entries; ${MOST_LENGTHS} at most`);
  return {
    attemptId: asAttemptId(status.attemptId, 'attempt_status.attempt_id'),
    nodeId,
    state: parseState(status, atMs),
    streamLengths: status.streamLengths.map((length, at) =>
      parseLength(length, `attempt_status.stream_lengths[${at}]`),
    ),
    atMs,
  };
}

function parseState(status: AttemptStatus, atMs: number): AttemptState {
  const kind = attemptStates.fromProto(status.state, 'attempt_status.state');
  switch (kind) {
    case 'offered':
    case 'accepted':
      throw invalid('attempt_status.state', `${kind} is not reported; it is answered by assignment_reply`);
    case 'start_allowed':
      return { kind };
    case 'preparing':
      return { kind, phase: status.phase.slice(0, LONGEST_PHASE) };
    case 'running':
    case 'ready':
    case 'stopping':
      return { kind, pid: status.pid, startedAtMs: timeOf(status, 'startedTime') ?? atMs };
    case 'not_run':
    case 'ended':
      return parseOutcome(status, kind, atMs);
    default:
      return assertNever(kind);
  }
}

function parseOutcome(status: AttemptStatus, kind: 'not_run' | 'ended', atMs: number): AttemptState {
  const field = 'attempt_status.outcome';
  const outcome = status.outcome?.outcome;
  if (kind === 'not_run' && outcome?.case === 'notRun') return notRunFromProto(outcome.value, `${field}.not_run`);
  if (kind === 'ended' && outcome?.case === 'ended') {
    const startedAtMs = timeOf(status, 'startedTime');
    const facts = {
      ...(status.pid === 0 ? {} : { pid: status.pid }),
      ...(startedAtMs === undefined ? {} : { startedAtMs }),
      endedAtMs: timeOf(status, 'endedTime') ?? atMs,
    };
    return endedFromProto(outcome.value, facts, `${field}.ended`);
  }
  throw invalid(field, `does not fit the state ${kind}`);
}

function timeOf(status: AttemptStatus, which: 'startedTime' | 'endedTime'): number | undefined {
  const value = status[which];
  const field = which === 'startedTime' ? 'started_time' : 'ended_time';
  return value === undefined ? undefined : fromTimestamp(value, `attempt_status.${field}`);
}

function parseLength(length: StreamLength, field: string): StatusReport['streamLengths'][number] {
  return {
    run: requireRun(length.run, `${field}.run`),
    stream: outputStreams.fromProto(length.stream, `${field}.stream`),
    lengthBytes: toSafeInteger(length.lengthBytes, `${field}.length_bytes`),
  };
}

/** Reads the answer to an offer. */
export function parseReply(reply: AssignmentReply): {
  readonly attemptId: ReturnType<typeof asAttemptId>;
  readonly reply: OfferReply;
} {
  const attemptId = asAttemptId(reply.attemptId, 'assignment_reply.attempt_id');
  switch (reply.reply.case) {
    case 'accepted':
      return { attemptId, reply: { kind: 'accepted' } };
    case 'refused': {
      const { reason } = reply.reply.value;
      if (reason === undefined) throw invalid('assignment_reply.refused.reason', 'must be set');
      const outcome = notRunFromProto(reason, 'assignment_reply.refused.reason');
      return { attemptId, reply: { kind: 'refused', outcome } };
    }
    case undefined:
      throw invalid('assignment_reply.reply', 'must be set: accepted or refused');
    default:
      return assertNever(reply.reply);
  }
}

/** Reads a piece of output. `atMs` stands in where the agent names no time. */
export function parseChunk(chunk: LogChunk, atMs: number): IncomingChunk {
  if (chunk.data.byteLength < 1 || chunk.data.byteLength > LARGEST_CHUNK_BYTES) {
    throw invalid('log_chunk.data', `a chunk is 1 to ${LARGEST_CHUNK_BYTES} bytes, not ${chunk.data.byteLength}`);
  }
  const offsetBytes = toSafeInteger(chunk.offsetBytes, 'log_chunk.offset_bytes');
  toSafeInteger(chunk.offsetBytes + BigInt(chunk.data.byteLength), 'log_chunk.offset_bytes');
  return {
    attemptId: asAttemptId(chunk.attemptId, 'log_chunk.attempt_id'),
    run: requireRun(chunk.run, 'log_chunk.run'),
    stream: outputStreams.fromProto(chunk.stream, 'log_chunk.stream'),
    offsetBytes,
    data: chunk.data,
    observedAtMs:
      chunk.observedTime === undefined
        ? atMs
        : Math.max(0, fromTimestamp(chunk.observedTime, 'log_chunk.observed_time')),
  };
}

/** Reads a piece of output that is gone. */
export function parseGap(gap: LogGap): IncomingGap {
  if (gap.lengthBytes < 1n) throw invalid('log_gap.length_bytes', 'a gap is 1 byte or more');
  toSafeInteger(gap.offsetBytes + gap.lengthBytes, 'log_gap.length_bytes');
  return {
    attemptId: asAttemptId(gap.attemptId, 'log_gap.attempt_id'),
    run: requireRun(gap.run, 'log_gap.run'),
    stream: outputStreams.fromProto(gap.stream, 'log_gap.stream'),
    offsetBytes: toSafeInteger(gap.offsetBytes, 'log_gap.offset_bytes'),
    lengthBytes: toSafeInteger(gap.lengthBytes, 'log_gap.length_bytes'),
    reason: gapReasons.fromProto(gap.reason, 'log_gap.reason'),
  };
}

/** Runs are numbered from 1; a hundred thousand restarts of one attempt are a broken agent, and each has files. */
const MOST_RUNS = 100_000;

function requireRun(run: number, field: string): number {
  if (run >= 1 && run <= MOST_RUNS) return run;
  throw invalid(field, `a run is 1 to ${MOST_RUNS}, not ${run}`);
}

function requireText(text: string, field: string): string {
  if (text === '') throw invalid(field, 'must be set');
  if (text.length > LONGEST_TEXT) throw invalid(field, `${text.length} characters; ${LONGEST_TEXT} at most`);
  return text;
}

function invalid(field: string, message: string): AppError {
  return new AppError('invalid_argument', message, { field });
}
