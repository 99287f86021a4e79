// What keeps nodes from a task, and the same in one sentence for people: equal reasons counted together, the most frequent first.
import { assertNever } from '@muster/common/assert-never/assert-never';

/** Why a node does not get a task. */
export type Obstacle =
  | { readonly kind: 'label'; readonly key: string; readonly value: string }
  | { readonly kind: 'driver'; readonly workloadKind: string }
  | { readonly kind: 'interpreter'; readonly interpreter: string }
  | { readonly kind: 'cordoned' | 'quarantined' | 'unreachable' | 'full' }
  | { readonly kind: 'avoided'; readonly reason: string };

// More kinds than this make no readable sentence; the rest is counted.
const MAX_KINDS = 4;

/** One sentence, for example "no node can take it: 3 lack label gpu=a100, 1 is unreachable". */
export function describeObstacles(obstacles: readonly Obstacle[]): string {
  if (obstacles.length === 0) return 'no node can take it: none is enrolled, or none of the named ones is left';
  const groups = new Map<string, { readonly obstacle: Obstacle; count: number }>();
  for (const obstacle of obstacles) {
    const key = clause(obstacle, 2);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { obstacle, count: 1 });
    else group.count += 1;
  }
  const sorted = [...groups.values()].sort((a, b) => b.count - a.count);
  const named = sorted.slice(0, MAX_KINDS).map(({ obstacle, count }) => `${count} ${clause(obstacle, count)}`);
  const rest = sorted.slice(MAX_KINDS).reduce((sum, group) => sum + group.count, 0);
  if (rest > 0) named.push(`${rest} for other reasons`);
  return `no node can take it: ${named.join(', ')}`;
}

function clause(obstacle: Obstacle, count: number): string {
  const one = count === 1;
  switch (obstacle.kind) {
    case 'label':
      return `${one ? 'lacks' : 'lack'} label ${obstacle.key}=${obstacle.value}`;
    case 'driver':
      return `cannot run a ${obstacle.workloadKind}`;
    case 'interpreter':
      return `${one ? 'lacks' : 'lack'} interpreter ${obstacle.interpreter}`;
    case 'cordoned':
      return `${one ? 'is' : 'are'} cordoned`;
    case 'quarantined':
      return `${one ? 'is' : 'are'} in quarantine`;
    case 'unreachable':
      return `${one ? 'is' : 'are'} unreachable`;
    case 'full':
      return `${one ? 'runs' : 'run'} as many attempts as allowed`;
    case 'avoided':
      return `refused it (${obstacle.reason})`;
    default:
      return assertNever(obstacle);
  }
}
