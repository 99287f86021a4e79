import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { AttemptState } from '@muster/gen/muster/job/v1/status_pb';
import { WorkloadSchema } from '@muster/gen/muster/job/v1/workload_pb';
import { RawAgent } from '@muster/testing/raw-agent';
import { fitCompleteSet } from './complete-set.ts';
import type { Assignment } from './session-ports.ts';
import { sessionWorld, someAssignment } from './session-world.fixture.ts';

function large(): Assignment {
  const { spec, ...rest } = someAssignment();
  return { ...rest, spec: { ...spec, stdin: new Uint8Array(900_000) } };
}

describe('the COMPLETE set', () => {
  it('goes as it is while it is small', () => {
    const complete = [someAssignment(), someAssignment()];
    expect(fitCompleteSet(complete, new Set([complete[0]?.attemptId ?? someAssignment().attemptId]))).toEqual({
      complete,
      withoutSpec: new Set(),
      following: [],
    });
  });

  it('counts the arguments of scripts', () => {
    const content = 'exit 0';
    const withArguments = (): Assignment => {
      const { spec, ...rest } = someAssignment();
      const args = Array.from({ length: 9 }, () => 'x'.repeat(100_000));
      const workload = create(WorkloadSchema, { kind: { case: 'script', value: { content, args } } });
      return { ...rest, spec: { ...spec, workload } };
    };
    const complete = [withArguments(), withArguments()];
    expect(fitCompleteSet(complete, new Set()).complete).toHaveLength(1);
  });

  it('of a node with many large attempts leaves out the specs that it has, and offers and starts what is new to it', async () => {
    await using world = await sessionWorld();
    const held = Array.from({ length: 8 }, large);
    const fresh = [large(), large(), { ...large(), stop: 'cancel' } as const];
    world.ports.reconciliation = { verdicts: [], complete: [...held, ...fresh] };
    const attempts = held.map(({ attemptId }) => ({ attemptId, run: 1, state: AttemptState.RUNNING }));
    await using agent = await RawAgent.welcomed(await world.enroll('full'), { attempts });
    await agent.next('assignments', 3);
    const [complete, ...later] = agent.all('assignments');
    if (complete?.set.case !== 'complete') throw new Error('no complete set');
    const named = complete.set.value.assignments.map(({ attemptId, spec }) => [attemptId, spec !== undefined]);
    expect(named).toEqual([...held.map(({ attemptId }) => [attemptId, false]), [fresh[0]?.attemptId, true]]);
    const kinds = later.flatMap(({ set }) =>
      set.case === 'changes' ? set.value.changes.map(({ change }) => change.case) : [],
    );
    expect(kinds).toEqual(['offer', 'start', 'offer', 'start', 'stop']);
  });
});
