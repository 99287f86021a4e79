// What an attempt's end means for people, in one sentence: the message of a task that did not succeed.
import { assertNever } from '@muster/common/assert-never/assert-never';
import type { EndedOutcome, StopReason } from './job.ts';

const stopSentences: Readonly<Record<StopReason, string>> = {
  cancel: 'was cancelled',
  timeout: 'ran longer than its run timeout and was stopped',
  lease: 'was stopped because its node was out of contact for too long',
  drain: 'was stopped because its node was drained',
  preemption: 'was stopped to make room for another job',
  output_limit: 'was stopped because it printed more than its output limit',
  unhealthy: 'was stopped because its probes failed',
  superseded: 'was stopped because a replacement took its place',
  node_rebooted: 'was stopped by the restart of its node',
};

/** One sentence without a subject, for example "exited with code 3". */
export function sentenceOfEnd(outcome: EndedOutcome): string {
  const how = sentenceOfHow(outcome);
  return outcome.stoppedBy === undefined ? how : `${stopSentences[outcome.stoppedBy]} (${how})`;
}

function sentenceOfHow(outcome: EndedOutcome): string {
  const how = outcome.how;
  switch (how.kind) {
    case 'exited':
      return `exited with code ${how.code}`;
    case 'signaled':
      return `was ended by ${how.signal}${how.coreDumped ? ' and wrote a core file' : ''}`;
    case 'oom':
      return 'was killed because memory ran out';
    case 'lost':
      return how.message;
    default:
      return assertNever(how);
  }
}
