-- Jobs, tasks, attempts; nodes and their certificates; join tokens and API keys.
-- Times are milliseconds since the epoch, sizes are bytes, booleans are 0 or 1, ids are ULIDs, digests are hex.

CREATE TABLE meta (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
  id TEXT PRIMARY KEY NOT NULL,
  state TEXT NOT NULL,
  queued INTEGER NOT NULL,
  assigned INTEGER NOT NULL,
  running INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  submitted_at_ms INTEGER NOT NULL,
  started_at_ms INTEGER,
  finished_at_ms INTEGER,
  cancel_requested_at_ms INTEGER,
  submitted_by TEXT NOT NULL,
  request_id TEXT,
  spec_digest TEXT NOT NULL,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX jobs_by_request ON jobs (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_unfinished ON jobs (id) WHERE finished_at_ms IS NULL;

-- Apart from jobs: a spec may have a megabyte and never changes, a job's row changes with every report.
CREATE TABLE job_specs (
  job_id TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
  spec BLOB NOT NULL
) STRICT;

CREATE TABLE job_labels (
  job_id TEXT NOT NULL REFERENCES jobs (id),
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (job_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_labels_by_label ON job_labels (key, value, job_id);

CREATE TABLE tasks (
  job_id TEXT NOT NULL REFERENCES jobs (id),
  task_index INTEGER NOT NULL,
  state TEXT NOT NULL,
  message TEXT,
  end_reason TEXT,
  ended_at_ms INTEGER,
  node_id TEXT,
  attempt_count INTEGER NOT NULL,
  PRIMARY KEY (job_id, task_index)
) STRICT, WITHOUT ROWID;

-- state: the AttemptState as JSON. streams: a list of StreamTally as JSON.
CREATE TABLE attempts (
  id TEXT PRIMARY KEY NOT NULL,
  job_id TEXT NOT NULL,
  task_index INTEGER NOT NULL,
  number INTEGER NOT NULL,
  node_id TEXT NOT NULL,
  ledger_id TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  state TEXT NOT NULL,
  stop_requested TEXT,
  start_allowed_at_ms INTEGER NOT NULL,
  streams TEXT NOT NULL,
  log_complete INTEGER NOT NULL,
  FOREIGN KEY (job_id, task_index) REFERENCES tasks (job_id, task_index)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX attempts_of_task ON attempts (job_id, task_index, number);
CREATE INDEX attempts_unsettled ON attempts (node_id, id) WHERE log_complete = 0;

CREATE TABLE nodes (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  machine_id_hash TEXT NOT NULL,
  user_labels TEXT NOT NULL,
  enrolled_labels TEXT NOT NULL,
  agent_labels TEXT NOT NULL,
  ledger_id TEXT,
  boot_id TEXT,
  agent_version TEXT,
  cordoned INTEGER NOT NULL,
  quarantine_reason TEXT,
  ended_as TEXT,
  enrolled_at_ms INTEGER NOT NULL,
  last_contact_at_ms INTEGER,
  certificate_issued_at_ms INTEGER NOT NULL,
  certificate_expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX nodes_by_name ON nodes (name) WHERE ended_as IS NULL;
CREATE INDEX nodes_by_machine ON nodes (machine_id_hash) WHERE ended_as IS NULL;

-- Apart from nodes: a fingerprint has kilobytes, and contact times change every minute.
CREATE TABLE node_fingerprints (
  node_id TEXT PRIMARY KEY NOT NULL REFERENCES nodes (id),
  fingerprint BLOB NOT NULL
) STRICT;

CREATE TABLE join_tokens (
  id TEXT PRIMARY KEY NOT NULL,
  secret_sha256 TEXT NOT NULL,
  uses_left INTEGER,
  labels TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  revoked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
  certificate_sha256 TEXT PRIMARY KEY NOT NULL,
  node_id TEXT NOT NULL REFERENCES nodes (id),
  token_id TEXT NOT NULL REFERENCES join_tokens (id),
  key_sha256 TEXT NOT NULL,
  certificate_pem TEXT NOT NULL,
  issued_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  revoked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_of_node ON certificates (node_id);
CREATE INDEX certificates_by_key ON certificates (token_id, key_sha256);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  secret_sha256 TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  revoked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
