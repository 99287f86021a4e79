/** Settings for people: what is in force (`--print-config`), and the reference for the documentation. */
import { stringify } from 'yaml';
import type { Field } from './fields.ts';
import { entriesOf, type Fields } from './load-config.ts';

/** The settings as a YAML file that would give the same; secrets are masked, unset ones left out. */
export function printConfig<T extends object>(value: T, fields: Fields<T>): string {
  const root: Record<string, unknown> = {};
  const values = new Map<string, unknown>(Object.entries(value));
  for (const [key, field] of entriesOf(fields)) {
    const present = values.get(key);
    if (present !== undefined)
      put(root, field.name.split('.'), field.secret === true ? '********' : inFile(field, present));
  }
  return stringify(root);
}

/** A Markdown table of all settings, in the order of the table. */
export function describeFields<T extends object>(fields: Fields<T>): string {
  const rows = entriesOf(fields).map(([, field]) => [
    `\`${field.name}\``,
    field.flag === undefined ? '' : `\`--${field.flag}\``,
    field.env === undefined ? '' : `\`${field.env}\``,
    kindOf(field),
    defaultOf(field),
    field.description,
  ]);
  const header = ['Setting', 'Flag', 'Environment', 'Kind', 'Default', 'Meaning'];
  const lines = [header, header.map(() => '---'), ...rows];
  return `${lines.map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`).join('\n')}\n`;
}

/** Numbers, lists and booleans stay what they are in YAML; what has a unit or a form is text. */
function inFile(field: Field<unknown>, value: unknown): unknown {
  return field.kind === 'integer' || field.kind === 'boolean' || field.kind === 'list' ? value : field.print(value);
}

function put(node: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  if (rest.length === 0) {
    node[first] = value;
    return;
  }
  const present = node[first];
  const below: Record<string, unknown> = typeof present === 'object' && present !== null ? { ...present } : {};
  put(below, rest, value);
  node[first] = below;
}

function kindOf(field: Field<unknown>): string {
  const { min, max } = field.range ?? {};
  const parts: string[] = [field.kind];
  if (field.unit !== undefined) parts.push(field.unit);
  if (min !== undefined) parts.push(`≥ ${field.print(min)}`);
  if (max !== undefined) parts.push(`≤ ${field.print(max)}`);
  return parts.join(', ');
}

function defaultOf(field: Field<unknown>): string {
  if (field.fallback.kind === 'required') return 'required';
  if (field.fallback.value === undefined) return 'unset';
  return `\`${field.print(field.fallback.value)}\``;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
