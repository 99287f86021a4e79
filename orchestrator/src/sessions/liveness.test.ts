import { describe, expect, it } from '@jest/globals';
import { DOWN_AFTER_MS, type Liveness, type LivenessEvent, livenessAtStart, nextLiveness } from './liveness.ts';

const settings = { heartbeatPeriodMs: 10_000 };
const online: Liveness = { kind: 'online', untilMs: 30_000 };
const unreachable: Liveness = { kind: 'unreachable', untilMs: 630_000 };
const down: Liveness = { kind: 'down' };

const tick = (atMs: number): LivenessEvent => ({ kind: 'tick', atMs });
const left = (atMs: number): LivenessEvent => ({ kind: 'left', atMs });
const heard = (atMs: number): LivenessEvent => ({ kind: 'heard', atMs });

describe('the liveness of a node', () => {
  // Complete: every state × (heard, left, tick before its end, at it, and long after it).
  it.each<[Liveness['kind'], Liveness, LivenessEvent, Liveness]>([
    ['online', online, heard(5_000), { kind: 'online', untilMs: 35_000 }],
    ['online', online, left(5_000), { kind: 'unreachable', untilMs: 5_000 + DOWN_AFTER_MS }],
    ['online', online, tick(29_999), online],
    ['online', online, tick(30_000), { kind: 'unreachable', untilMs: 30_000 + DOWN_AFTER_MS }],
    ['online', online, tick(30_000 + DOWN_AFTER_MS), down],
    ['unreachable', unreachable, heard(100_000), { kind: 'online', untilMs: 130_000 }],
    ['unreachable', unreachable, left(100_000), unreachable],
    ['unreachable', unreachable, left(630_000), unreachable],
    ['unreachable', unreachable, tick(629_999), unreachable],
    ['unreachable', unreachable, tick(630_000), down],
    ['unreachable', unreachable, tick(9_999_999), down],
    ['down', down, heard(700_000), { kind: 'online', untilMs: 730_000 }],
    ['down', down, left(700_000), down],
    ['down', down, tick(0), down],
    ['down', down, tick(9_999_999), down],
  ])('%s: %j after %j is %j', (_kind, state, event, expected) => {
    expect(nextLiveness(state, event, settings)).toEqual(expected);
  });

  it('P12: begins with doubled deadlines when the orchestrator starts', () => {
    const state = livenessAtStart(true, 1_000, settings);
    expect(nextLiveness(state, tick(60_999), settings).kind).toBe('online');
    expect(nextLiveness(state, tick(61_000), settings).kind).toBe('unreachable');
  });

  it('is out of contact from the start for a node that never connected', () => {
    expect(livenessAtStart(false, 0, settings).kind).toBe('unreachable');
  });
});
