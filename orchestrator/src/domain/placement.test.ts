import { describe, expect, it } from '@jest/globals';
import { asNodeId, type NodeId } from '@muster/common/ids/ids';
import { type Candidate, place, type TaskRequirement } from './placement.ts';

const task: TaskRequirement = { selector: {}, nodeIds: new Set(), workloadKind: 'script', avoid: new Map() };

function nodeId(number: number): NodeId {
  return asNodeId(String(number).padStart(26, '0'));
}
function node(number: number, facts: Partial<Candidate> = {}): Candidate {
  return {
    id: nodeId(number),
    name: `n${number}`,
    online: true,
    cordoned: false,
    quarantined: false,
    activeAttempts: 0,
    maxAttempts: 10,
    labels: {},
    interpreters: new Set(['/bin/sh', 'sh']),
    drivers: new Set(['script', 'process']),
    ...facts,
  };
}
function chosen(requirement: TaskRequirement, candidates: readonly Candidate[]): string {
  const placement = place(requirement, candidates);
  return placement.kind === 'placed' ? `n${Number(placement.nodeId)}` : placement.message;
}

describe('placement', () => {
  it('takes the node with the smallest share of its attempts in use', () => {
    const candidates = [
      node(1, { activeAttempts: 2 }),
      node(2, { activeAttempts: 3, maxAttempts: 100 }),
      node(3, { activeAttempts: 1 }),
    ];
    expect(chosen(task, candidates)).toBe('n2');
  });

  it('takes the least recently used of equals, then the first by name', () => {
    expect(chosen(task, [node(1, { lastUsed: 8 }), node(2, { lastUsed: 3 }), node(3, { lastUsed: 5 })])).toBe('n2');
    expect(chosen(task, [node(3), node(1), node(2)])).toBe('n1');
  });

  it('takes only nodes that fit', () => {
    const unfit = [
      node(1, { online: false }),
      node(2, { cordoned: true }),
      node(3, { quarantined: true }),
      node(4, { activeAttempts: 10 }),
      node(5, { drivers: new Set() }),
      node(6, { interpreters: new Set() }),
      node(7, { labels: {} }),
      node(8),
    ];
    const picky = { ...task, interpreter: 'sh', avoid: new Map([[nodeId(8), 'its policy does not allow it']]) };
    const labelled = unfit.map((each) => (each.name === 'n7' ? each : { ...each, labels: { gpu: 'a100' } }));
    const placement = place({ ...picky, selector: { gpu: 'a100' } }, labelled);
    expect(placement.kind === 'none' ? placement.byNode.map((each) => each.obstacle.kind) : placement).toEqual([
      'unreachable',
      'cordoned',
      'quarantined',
      'full',
      'driver',
      'interpreter',
      'label',
      'avoided',
    ]);
    expect(chosen(picky, [...unfit, node(9, { activeAttempts: 9 })])).toBe('n7');
  });

  it('keeps to the named nodes, and counts only those', () => {
    const named = { ...task, nodeIds: new Set([nodeId(2)]) };
    expect(chosen(named, [node(1), node(2)])).toBe('n2');
    expect(chosen(named, [node(1), node(2, { online: false })])).toBe('no node can take it: 1 is unreachable');
  });

  it('says in one sentence why no node fits, the most frequent reason first', () => {
    const wanted = { ...task, selector: { gpu: 'a100' } };
    const candidates = [node(1, { online: false, labels: { gpu: 'a100' } }), node(2), node(3), node(4)];
    expect(chosen(wanted, candidates)).toBe('no node can take it: 3 lack label gpu=a100, 1 is unreachable');
    expect(chosen(task, [])).toBe('no node can take it: none is enrolled, or none of the named ones is left');
  });

  it('does not grow the sentence with the number of different reasons', () => {
    const candidates = Array.from({ length: 50 }, (_, at) => node(at));
    const avoid = new Map(candidates.map((each, at) => [each.id, `reason ${at}`]));
    expect(chosen({ ...task, avoid }, candidates)).toMatch(/, 46 for other reasons$/);
  });
});
