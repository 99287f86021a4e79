// Whether two submissions mean the same job. Protobuf's bytes do not say: maps may be written in any order (Go shuffles them on purpose).
import { createHash } from 'node:crypto';
import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { type JobSpec, JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';

/** SHA-256, hex, of the spec's JSON with sorted keys. */
export function specDigest(spec: JobSpec): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(toJson(JobSpecSchema, spec))))
    .digest('hex');
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}
