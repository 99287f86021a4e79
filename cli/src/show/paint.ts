/** Colours: what is well is green, what needs a look yellow, what went wrong red. Without colours, the text as it is. */
import pc from 'picocolors';

/** Paints text, or leaves it. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  /** The name of a state, by its meaning. */
  state(name: string): string;
  /** The prefix of the node at this place in a list, so that neighbours differ. */
  nth(place: number, text: string): string;
}

const GOOD = new Set(['online', 'succeeded', 'running']);
const BAD = new Set(['down', 'failed', 'lost', 'removed']);
const ODD = new Set(['unreachable', 'cancelled', 'cordoned', 'quarantined', 'stopping']);

/** A paint; with `colors` false it changes nothing. */
export function makePaint(colors: boolean): Paint {
  const color = pc.createColors(colors);
  const cycle = [color.cyan, color.magenta, color.blue, color.yellow, color.green];
  return {
    bold: color.bold,
    dim: color.dim,
    state(name) {
      if (GOOD.has(name)) return color.green(name);
      if (BAD.has(name)) return color.red(name);
      return ODD.has(name) ? color.yellow(name) : name;
    },
    nth: (place, text) => cycle[place % cycle.length]?.(text) ?? text,
  };
}
