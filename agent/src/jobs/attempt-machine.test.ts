import { describe, expect, it } from '@jest/globals';
import { StoppedBy } from '@muster/gen/muster/job/v1/status_pb';
import { type AttemptEvent, type AttemptPhase, stepAttempt } from './attempt-machine.ts';

const { CANCEL, TIMEOUT } = StoppedBy;
const run = { pid: 7, startedAtMs: 1_000 };
const phases = {
  allowed: { kind: 'start_allowed', stop: undefined },
  allowedStop: { kind: 'start_allowed', stop: CANCEL },
  preparing: { kind: 'preparing', stop: undefined },
  preparingStop: { kind: 'preparing', stop: CANCEL },
  running: { kind: 'running', ...run },
  stopping: { kind: 'stopping', ...run, stop: CANCEL },
  finished: { kind: 'finished', stop: undefined },
} satisfies Record<string, AttemptPhase>;
const events = {
  preparing: { kind: 'preparing' },
  claimed: { kind: 'claimed', ...run },
  cancel: { kind: 'stop_asked', stoppedBy: CANCEL },
  timeout: { kind: 'stop_asked', stoppedBy: TIMEOUT },
  finished: { kind: 'finished' },
} satisfies Record<string, AttemptEvent>;
const ended = (stop: StoppedBy | undefined): AttemptPhase => ({ kind: 'finished', stop });
const ignored = 'ignored';

const table: Record<keyof typeof phases, Record<keyof typeof events, AttemptPhase | 'ignored'>> = {
  allowed: {
    preparing: phases.preparing,
    claimed: phases.running,
    cancel: phases.allowedStop,
    timeout: { kind: 'start_allowed', stop: TIMEOUT },
    finished: ended(undefined),
  },
  allowedStop: {
    preparing: phases.preparingStop,
    claimed: phases.stopping,
    cancel: ignored,
    timeout: ignored,
    finished: ended(CANCEL),
  },
  preparing: {
    preparing: ignored,
    claimed: phases.running,
    cancel: phases.preparingStop,
    timeout: { kind: 'preparing', stop: TIMEOUT },
    finished: ended(undefined),
  },
  preparingStop: {
    preparing: ignored,
    claimed: phases.stopping,
    cancel: ignored,
    timeout: ignored,
    finished: ended(CANCEL),
  },
  running: {
    preparing: ignored,
    claimed: ignored,
    cancel: phases.stopping,
    timeout: { kind: 'stopping', ...run, stop: TIMEOUT },
    finished: ended(undefined),
  },
  stopping: { preparing: ignored, claimed: ignored, cancel: ignored, timeout: ignored, finished: ended(CANCEL) },
  finished: { preparing: ignored, claimed: ignored, cancel: ignored, timeout: ignored, finished: ignored },
};

describe('the attempt machine', () => {
  let phase: keyof typeof phases;
  for (phase in table) {
    let event: keyof typeof events;
    for (event in table[phase]) {
      const [from, what, expected] = [phases[phase], events[event], table[phase][event]];
      it(`${phase} on ${event} gives ${expected === ignored ? 'nothing' : expected.kind}`, () => {
        const step = stepAttempt(from, what);
        if (expected === ignored) expect(step.kind).toBe('ignored');
        else expect(step).toEqual({ kind: 'moved', phase: expected });
      });
    }
  }
});
