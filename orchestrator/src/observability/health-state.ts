// Whether the orchestrator takes work: one watched value that whoever starts and ends it sets, and that probes read.
import { Latest } from '@muster/common/queue/latest';

/** 'starting' and 'ending' both mean: send nothing here. */
export type Health = 'starting' | 'serving' | 'ending';

/** The watched value. */
export type HealthState = Latest<Health>;

/** Begins as 'starting'. */
export function healthState(): HealthState {
  return new Latest<Health>('starting');
}
