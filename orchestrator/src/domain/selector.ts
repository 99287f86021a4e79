// Labels and what may be asked of them: the syntax of keys and values (LabelSelector in the contract), and matching.
import type { LabelSelector } from '@muster/gen/muster/job/v1/job_spec_pb';
import type { Problem } from './problem.ts';

/** Labels, by key. */
export type Labels = Readonly<Record<string, string>>;

// 1 to 63 of [a-z0-9._/-], first and last a letter or digit.
const KEY = /^[a-z0-9](?:[a-z0-9._/-]{0,61}[a-z0-9])?$/;
const VALUE = /^[A-Za-z0-9._-]{0,63}$/;
/** Most labels of one thing: enough for every scheme we know of, and it bounds what each list and match costs. */
export const MAX_LABELS = 64;

/**
 * What is wrong with the syntax of labels, or of what a selector wants; empty when all is well.
 * @param at path of the map, for example `spec.labels`
 */
export function labelProblems(labels: Labels, at: string): readonly Problem[] {
  const keys = Object.keys(labels);
  if (keys.length > MAX_LABELS) {
    return [{ field: at, message: `has ${keys.length} labels; ${MAX_LABELS} are the most` }];
  }
  return keys.flatMap((key) => [...keyProblems(key, at), ...valueProblems(labels[key] ?? '', `${at}[${shown(key)}]`)]);
}

/** What is wrong with a selector; `at` is its path. */
export function selectorProblems(selector: LabelSelector, at: string): readonly Problem[] {
  return labelProblems(selector.matchLabels, `${at}.match_labels`);
}

/** What is wrong with a label's key; `at` is the path of what holds it. */
export function keyProblems(key: string, at: string): readonly Problem[] {
  if (KEY.test(key)) return [];
  const rule = '1 to 63 of a-z, 0-9, ".", "_", "/", "-", beginning and ending with a letter or digit';
  return [{ field: at, message: `${shown(key)} is not a label key; a key is ${rule}` }];
}

function valueProblems(value: string, at: string): readonly Problem[] {
  if (VALUE.test(value)) return [];
  const rule = '0 to 63 of A-Z, a-z, 0-9, ".", "_", "-"';
  return [{ field: at, message: `${shown(value)} is not a label value; a value is ${rule}` }];
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** Whether labels have everything that a selector asks for. An empty selector matches all. */
export function matchesLabels(wanted: Labels, labels: Labels): boolean {
  return missingLabel(wanted, labels) === undefined;
}

/** The first wanted label that is not there with its value; undefined when all are. */
export function missingLabel(wanted: Labels, labels: Labels): { key: string; value: string } | undefined {
  for (const key in wanted) {
    const value = wanted[key];
    // hasOwn: a label named like something of Object.prototype must not be found where nobody set it.
    if (value !== undefined && !(Object.hasOwn(labels, key) && labels[key] === value)) return { key, value };
  }
  return undefined;
}
