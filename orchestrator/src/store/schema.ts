// The tables as drizzle sees them. The tables themselves are made by migrations/*.sql; schema.test.ts checks that both say the same.
// Ids are typed here, because everything that is stored was checked when it came in.
import type { ApiKeyId, AttemptId, JobId, JoinTokenId, LedgerId, NodeId } from '@muster/common/ids/ids';
import { blob, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { keyRoles } from '../access/access-store.ts';
import {
  type AttemptState,
  jobStates,
  type StreamTally,
  stopReasons,
  type TaskState,
  taskEndReasons,
} from '../domain/job.ts';

const taskStates = [
  'queued',
  'assigned',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'lost',
] as const satisfies readonly TaskState['kind'][];

/** Single facts about the store: cluster_id, store_epoch. */
export const meta = sqliteTable('meta', {
  key: text('key').primaryKey(),
  value: text('value').notNull(),
});

/** Jobs without their specs; the counts of task states are kept, so that a job of thousands of tasks moves without reading them. */
export const jobs = sqliteTable('jobs', {
  id: text('id').$type<JobId>().primaryKey(),
  state: text('state', { enum: jobStates }).notNull(),
  queued: integer('queued').notNull(),
  assigned: integer('assigned').notNull(),
  running: integer('running').notNull(),
  succeeded: integer('succeeded').notNull(),
  failed: integer('failed').notNull(),
  cancelled: integer('cancelled').notNull(),
  lost: integer('lost').notNull(),
  submittedAtMs: integer('submitted_at_ms').notNull(),
  startedAtMs: integer('started_at_ms'),
  finishedAtMs: integer('finished_at_ms'),
  cancelRequestedAtMs: integer('cancel_requested_at_ms'),
  submittedBy: text('submitted_by').notNull(),
  requestId: text('request_id'),
  specDigest: text('spec_digest').notNull(),
  revision: integer('revision').notNull(),
});

/** Specs, as protobuf. */
export const jobSpecs = sqliteTable('job_specs', {
  jobId: text('job_id').$type<JobId>().primaryKey(),
  spec: blob('spec', { mode: 'buffer' }).notNull(),
});

/** A job's own labels, for lists. */
export const jobLabels = sqliteTable(
  'job_labels',
  {
    jobId: text('job_id').$type<JobId>().notNull(),
    key: text('key').notNull(),
    value: text('value').notNull(),
  },
  (table) => [primaryKey({ columns: [table.jobId, table.key] })],
);

/** Tasks. attemptCount is the number of the newest attempt. */
export const tasks = sqliteTable(
  'tasks',
  {
    jobId: text('job_id').$type<JobId>().notNull(),
    index: integer('task_index').notNull(),
    state: text('state', { enum: taskStates }).notNull(),
    message: text('message'),
    endReason: text('end_reason', { enum: taskEndReasons }),
    endedAtMs: integer('ended_at_ms'),
    nodeId: text('node_id').$type<NodeId>(),
    attemptCount: integer('attempt_count').notNull(),
  },
  (table) => [primaryKey({ columns: [table.jobId, table.index] })],
);

/** Attempts. logComplete is what settles one. */
export const attempts = sqliteTable('attempts', {
  id: text('id').$type<AttemptId>().primaryKey(),
  jobId: text('job_id').$type<JobId>().notNull(),
  taskIndex: integer('task_index').notNull(),
  number: integer('number').notNull(),
  nodeId: text('node_id').$type<NodeId>().notNull(),
  ledgerId: text('ledger_id').$type<LedgerId>().notNull(),
  bootId: text('boot_id').notNull(),
  state: text('state', { mode: 'json' }).$type<AttemptState>().notNull(),
  stopRequested: text('stop_requested', { enum: stopReasons }),
  startAllowedAtMs: integer('start_allowed_at_ms').notNull(),
  streams: text('streams', { mode: 'json' }).$type<readonly StreamTally[]>().notNull(),
  logComplete: integer('log_complete', { mode: 'boolean' }).notNull(),
});

/** Nodes without their fingerprints. In userLabels null marks a label that a user removed. */
export const nodes = sqliteTable('nodes', {
  id: text('id').$type<NodeId>().primaryKey(),
  name: text('name').notNull(),
  machineIdHash: text('machine_id_hash').notNull(),
  userLabels: text('user_labels', { mode: 'json' }).$type<Readonly<Record<string, string | null>>>().notNull(),
  enrolledLabels: text('enrolled_labels', { mode: 'json' }).$type<Readonly<Record<string, string>>>().notNull(),
  agentLabels: text('agent_labels', { mode: 'json' }).$type<Readonly<Record<string, string>>>().notNull(),
  ledgerId: text('ledger_id').$type<LedgerId>(),
  bootId: text('boot_id'),
  agentVersion: text('agent_version'),
  cordoned: integer('cordoned', { mode: 'boolean' }).notNull(),
  quarantineReason: text('quarantine_reason'),
  endedAs: text('ended_as', { enum: ['removed', 'replaced'] }),
  enrolledAtMs: integer('enrolled_at_ms').notNull(),
  lastContactAtMs: integer('last_contact_at_ms'),
  certificateIssuedAtMs: integer('certificate_issued_at_ms').notNull(),
  certificateExpiresAtMs: integer('certificate_expires_at_ms').notNull(),
});

/** Fingerprints, as protobuf. */
export const nodeFingerprints = sqliteTable('node_fingerprints', {
  nodeId: text('node_id').$type<NodeId>().primaryKey(),
  fingerprint: blob('fingerprint', { mode: 'buffer' }).notNull(),
});

/** Join tokens; usesLeft null: unlimited. */
export const joinTokens = sqliteTable('join_tokens', {
  id: text('id').$type<JoinTokenId>().primaryKey(),
  secretSha256: text('secret_sha256').notNull(),
  usesLeft: integer('uses_left'),
  labels: text('labels', { mode: 'json' }).$type<Readonly<Record<string, string>>>().notNull(),
  createdBy: text('created_by').notNull(),
  createdAtMs: integer('created_at_ms').notNull(),
  expiresAtMs: integer('expires_at_ms').notNull(),
  revoked: integer('revoked', { mode: 'boolean' }).notNull(),
});

/** Every certificate that was issued to a node. */
export const certificates = sqliteTable('certificates', {
  certificateSha256: text('certificate_sha256').primaryKey(),
  nodeId: text('node_id').$type<NodeId>().notNull(),
  tokenId: text('token_id').$type<JoinTokenId>().notNull(),
  keySha256: text('key_sha256').notNull(),
  certificatePem: text('certificate_pem').notNull(),
  issuedAtMs: integer('issued_at_ms').notNull(),
  expiresAtMs: integer('expires_at_ms').notNull(),
  revoked: integer('revoked', { mode: 'boolean' }).notNull(),
});

/** API keys. */
export const apiKeys = sqliteTable('api_keys', {
  id: text('id').$type<ApiKeyId>().primaryKey(),
  name: text('name').notNull(),
  role: text('role', { enum: keyRoles }).notNull(),
  secretSha256: text('secret_sha256').notNull(),
  createdAtMs: integer('created_at_ms').notNull(),
  revoked: integer('revoked', { mode: 'boolean' }).notNull(),
});
