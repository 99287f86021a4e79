// Decoded specs of the jobs that were used last: a spec never changes, and each report about a job needs it.
import { fromBinary } from '@bufbuild/protobuf';
import type { JobId } from '@muster/common/ids/ids';
import { type JobSpec, JobSpecSchema } from '@muster/gen/muster/job/v1/job_spec_pb';

/** Bytes as encoded; decoded they take about three times as much. Room for 4,000 small specs: more jobs than are under way on a few hundred nodes. */
const LIMIT_BYTES = 4 * 1024 * 1024;
/** A small spec costs about 1 KiB of objects whatever its bytes. */
const ENTRY_COST_BYTES = 1_024;

/** The least recently used specs leave when the limit is reached. */
export class SpecCache {
  readonly #specs = new Map<JobId, { readonly spec: JobSpec; readonly costBytes: number }>();
  #sizeBytes = 0;

  /** The spec of a job; `load` gives its bytes where it is not at hand. */
  get(jobId: JobId, load: () => Uint8Array): JobSpec {
    const known = this.#specs.get(jobId);
    if (known !== undefined) {
      this.#specs.delete(jobId);
      this.#specs.set(jobId, known);
      return known.spec;
    }
    const bytes = load();
    const spec = fromBinary(JobSpecSchema, bytes);
    this.put(jobId, spec, bytes.byteLength);
    return spec;
  }

  /** Keeps a spec that is at hand. */
  put(jobId: JobId, spec: JobSpec, encodedBytes: number): void {
    const costBytes = encodedBytes + ENTRY_COST_BYTES;
    this.#drop(jobId);
    this.#specs.set(jobId, { spec, costBytes });
    this.#sizeBytes += costBytes;
    for (const oldest of this.#specs.keys()) {
      if (this.#sizeBytes <= LIMIT_BYTES || oldest === jobId) return;
      this.#drop(oldest);
    }
  }

  #drop(jobId: JobId): void {
    this.#sizeBytes -= this.#specs.get(jobId)?.costBytes ?? 0;
    this.#specs.delete(jobId);
  }
}
