/** Reads a job's output to its end, over lost connections, into a sink. */
import type { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import type { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import type { ServiceClient } from '../client/control-door.ts';
import type { Link } from './link.ts';
import type { LogPositions } from './log-positions.ts';
import type { LogSink } from './log-sink.ts';
import { orAborted } from './or-aborted.ts';

/** What copying needs. */
export interface CopyLogsDeps {
  readonly jobs: ServiceClient<typeof JobService>;
  readonly link: Link;
  readonly sink: LogSink;
  /** Where reading stands; filled here. */
  readonly positions: LogPositions;
}

/** Which output of a job. */
export interface LogSelection {
  readonly jobId: string;
  /** Go on until the job's output is complete. */
  readonly follow: boolean;
  /** Only this task. Absent: all. */
  readonly taskIndex?: number;
  /** Only this attempt, by its number. Absent: the newest of each task. */
  readonly attemptNumber?: number;
  /** Only this stream. Absent: both. */
  readonly stream?: OutputStream;
}

/** Returns when nothing more comes; what is missing is in the positions then. Abort ends it between two pieces. */
export function copyLogs(deps: CopyLogsDeps, selection: LogSelection, signal: AbortSignal): Promise<void> {
  const { jobs, link, sink, positions } = deps;
  return link.keep(async (healthy) => {
    for await (const { event } of jobs.readLogs({ ...selection, positions: positions.toRequest() }, { signal })) {
      healthy();
      if (event.case === 'data') {
        const fresh = positions.take(event.value);
        if (fresh !== undefined && event.value.source !== undefined) {
          await orAborted(sink.write(event.value.source, event.value.stream, fresh), signal);
        }
      } else if (event.case === 'missing') positions.takeMissing(event.value);
      else if (event.case === 'end') positions.takeEnd(event.value);
      // An event that a newer orchestrator may send and we do not know is passed over.
    }
  }, signal);
}
