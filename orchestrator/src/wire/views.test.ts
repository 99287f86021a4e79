import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { asAttemptId, asJobId, asLedgerId, asNodeId } from '@muster/common/ids/ids';
import { JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';
import { AttemptState, JobState, TaskEndReason, TaskState } from '@muster/gen/muster/job/v1/status_pb';
import { NodeState } from '@muster/gen/muster/node/v1/node_pb';
import { type Attempt, type Job, jobStates } from '../domain/job.ts';
import type { NodeRecord } from '../domain/node.ts';
import { attemptToProto, jobToProto, tallyToProto } from './job-status.ts';
import { nodeToProto } from './node.ts';
import { jobStateCodec } from './status-enums.ts';

const ID = '01arz3ndektsv4rrffq69g5fav';
const NODE = asNodeId(ID);
const nodes = { nameOf: () => 'web-1', outOfContact: () => true };

const attempt: Attempt = {
  id: asAttemptId(ID),
  number: 1,
  nodeId: NODE,
  ledgerId: asLedgerId(ID),
  bootId: 'boot',
  state: { kind: 'running', pid: 7, startedAtMs: 1_000 },
  startAllowedAtMs: 500,
  streams: [],
  logComplete: false,
};

const job: Job = {
  id: asJobId(ID),
  spec: create(JobSpecSchema, { name: 'hello' }),
  state: 'running',
  taskCounts: { queued: 0, assigned: 0, running: 1, succeeded: 0, failed: 1, cancelled: 0, lost: 0 },
  submittedAtMs: 100,
  submittedBy: 'admin',
  revision: 9,
  tasks: [
    { index: 0, state: { kind: 'running' }, attempts: [attempt] },
    {
      index: 1,
      state: { kind: 'failed', endedAtMs: 5, reason: 'queue_timeout', message: 'nobody came' },
      attempts: [],
      nodeId: NODE,
    },
  ],
};

describe('a job as users see it', () => {
  it('has its counts, its tasks and why they ended', () => {
    const shown = jobToProto(job, nodes);
    expect(shown.state).toBe(JobState.RUNNING);
    expect(shown.revision).toBe(9n);
    expect(shown.taskCounts?.failed).toBe(1);
    expect(shown.finishedTime).toBeUndefined();
    expect(shown.tasks[0]?.state).toBe(TaskState.RUNNING);
    const late = shown.tasks[1];
    expect(late?.endReason).toBe(TaskEndReason.QUEUE_TIMEOUT);
    expect([late?.message, late?.nodeName]).toEqual(['nobody came', 'web-1']);
  });

  it('has every state in the contract', () => {
    expect(jobStates.map((state) => jobStateCodec.fromProto(jobStateCodec.toProto(state), 'state'))).toEqual([
      ...jobStates,
    ]);
  });
});

describe('an attempt as users see it', () => {
  it('is unknown while it has not ended and its node is out of contact', () => {
    const shown = attemptToProto(attempt, nodes);
    expect([shown.unknown, shown.pid, shown.state]).toEqual([true, 7, AttemptState.RUNNING]);
    const ended: Attempt = {
      ...attempt,
      state: { kind: 'ended', how: { kind: 'exited', code: 3 }, signalsSent: [], endedAtMs: 2_000 },
    };
    expect(attemptToProto(ended, nodes).unknown).toBe(false);
  });

  it('has a complete stream when stored and missing bytes are those produced', () => {
    const tally = { run: 1, stream: 'stdout', storedBytes: 5, missingBytes: 2 } as const;
    expect(tallyToProto(tally).complete).toBe(false);
    expect(tallyToProto({ ...tally, producedBytes: 8 }).complete).toBe(false);
    expect(tallyToProto({ ...tally, producedBytes: 7 }).complete).toBe(true);
  });
});

describe('a node as users see it', () => {
  const record: NodeRecord = {
    id: NODE,
    name: 'web-1',
    userLabels: { tier: 'front', gone: undefined },
    enrolledLabels: { gone: 'x' },
    agentLabels: { tier: 'back' },
    machineIdHash: 'ab',
    cordoned: false,
    enrolledAtMs: 0,
    certificateIssuedAtMs: 0,
    certificateExpiresAtMs: 900,
  };
  const live = { contact: 'unreachable', foreignAttemptIds: [], activeAttempts: 2 } as const;

  it('has the labels that hold, and its contact for a state', () => {
    const shown = nodeToProto(record, live, { nowMs: 599, withFingerprint: true });
    expect(shown.labels).toEqual({ tier: 'front' });
    expect(shown.state).toBe(NodeState.UNREACHABLE);
    expect(shown.lastContactTime).toBeUndefined();
    expect(shown.certificateExpiresSoon).toBe(false);
  });

  it('says in the last third of its certificate that it expires soon', () => {
    expect(nodeToProto(record, live, { nowMs: 600, withFingerprint: false }).certificateExpiresSoon).toBe(true);
  });

  it('is replaced or removed whatever its contact', () => {
    const shown = nodeToProto({ ...record, end: 'replaced' }, live, { nowMs: 0, withFingerprint: false });
    expect(shown.state).toBe(NodeState.REPLACED);
  });
});
