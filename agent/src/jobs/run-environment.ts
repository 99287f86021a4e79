/** The environment of a run. Pure. */
import { EnvironmentBase, type JobSpec } from '@muster/gen/muster/job/v1/job_spec_pb';

/** The usual folders, for a run that inherits nothing. */
const CLEAN_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Facts about the run that it can read. */
export interface RunMarks {
  readonly attemptId: string;
  readonly run: number;
  readonly jobId: string;
  readonly nodeName: string;
}

/**
 * Inherited: the agent's own without what configures Muster, whose values may be secrets. Clean: PATH, HOME, LANG. The
 * job's own variables go on top, and last the marks, which nothing may replace: by them lost children are found.
 */
export function runEnvironment(
  spec: JobSpec,
  own: Readonly<Record<string, string | undefined>>,
  marks: RunMarks,
): Record<string, string> {
  const base = spec.environment === EnvironmentBase.CLEAN ? cleanBase(own) : inheritedBase(own);
  return {
    ...base,
    ...spec.env,
    MUSTER_ATTEMPT: marks.attemptId,
    MUSTER_RUN: String(marks.run),
    MUSTER_JOB: marks.jobId,
    MUSTER_NODE: marks.nodeName,
  };
}

function cleanBase(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return { PATH: CLEAN_PATH, HOME: own['HOME'] ?? '/', LANG: 'C.UTF-8' };
}

function inheritedBase(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const base: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && !name.startsWith('MUSTER_')) base[name] = value;
  }
  return { PATH: CLEAN_PATH, ...base };
}
