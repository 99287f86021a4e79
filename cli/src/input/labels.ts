/** Labels as written on the command line. The orchestrator judges them again; here the user learns sooner. */
import { UsageError } from '../program/options.ts';

const KEY = /^[a-z0-9](?:[a-z0-9._/-]{0,61}[a-z0-9])?$/;
const VALUE = /^[A-Za-z0-9._-]{0,63}$/;

/** A change of labels. */
export interface LabelChange {
  readonly set: Record<string, string>;
  readonly remove: string[];
}

/** Labels of `k=v` texts. Throws UsageError. */
export function parseLabels(texts: readonly string[], flag = '--label'): Record<string, string> {
  return parsePairs(texts, (text) => {
    const [key, value] = split(text);
    if (key === undefined || value === undefined)
      throw new UsageError(`${flag}: ${JSON.stringify(text)} is not key=value`);
    return checked(key, value, flag);
  });
}

/** `k=v` sets, `k-` removes. Throws UsageError, also when a key is both. */
export function parseLabelChange(texts: readonly string[]): LabelChange {
  const remove = texts.filter((text) => text.endsWith('-') && !text.includes('=')).map((text) => text.slice(0, -1));
  for (const key of remove) checked(key, '', 'label');
  const set = parseLabels(
    texts.filter((text) => text.includes('=') || !text.endsWith('-')),
    'label',
  );
  const both = remove.find((key) => Object.hasOwn(set, key));
  if (both !== undefined) throw new UsageError(`label: ${both} is set and removed`);
  return { set, remove };
}

/** Environment variables of `NAME=value` texts; the value may be empty and contain `=`. Throws UsageError. */
export function parseEnv(texts: readonly string[]): Record<string, string> {
  return parsePairs(texts, (text) => {
    const [name, value] = split(text);
    if (name !== undefined && name !== '' && value !== undefined) return [name, value];
    throw new UsageError(`--env: ${JSON.stringify(text)} is not NAME=value`);
  });
}

/** By fromEntries and not by assignment: a name such as __proto__ must stay a name. */
function parsePairs(
  texts: readonly string[],
  parse: (text: string) => readonly [string, string],
): Record<string, string> {
  return Object.fromEntries(texts.map(parse));
}

function split(text: string): readonly [string | undefined, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [undefined, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function checked(key: string, value: string, flag: string): readonly [string, string] {
  if (!KEY.test(key)) {
    throw new UsageError(
      `${flag}: ${JSON.stringify(key)} is no label key: 1 to 63 of a-z 0-9 . _ / -, beginning and ending with a letter or digit`,
    );
  }
  if (!VALUE.test(value)) {
    throw new UsageError(`${flag}: ${JSON.stringify(value)} is no label value: at most 63 of A-Z a-z 0-9 . _ -`);
  }
  return [key, value];
}
