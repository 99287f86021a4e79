/**
 * Loads a program's settings: flags over environment over file over default. All problems are reported at once, each with
 * the place it came from; a key that nobody knows is a problem, because a typo must not be a silent default.
 */
import { readFileSync } from 'node:fs';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { AppError, errnoOf, isAppError } from '../errors/app-error.ts';
import type { Field } from './fields.ts';
import { nearest } from './nearest.ts';

/** Settings by their name in the program; each value's type comes from its field. */
export type Fields<T> = { readonly [Key in keyof T]: Field<T[Key]> };

/** Where a value came from. */
export type Source = 'default' | 'file' | 'environment' | 'flag';

/** Where to look. */
export interface ConfigSources<T> {
  /** Path of a YAML file; must exist when given. */
  readonly file?: string | undefined;
  /** The environment; only config files hand in `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags by name without dashes, as node:util's parseArgs gives them. Those of no field are ignored. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly fields: Fields<T>;
}

/** The settings, and for each where it came from. */
export interface LoadedConfig<T> {
  readonly value: T;
  readonly sources: Readonly<Record<keyof T, Source>>;
}

interface Loaded {
  readonly value: object;
  readonly sources: object;
}

type Outcome =
  | { readonly kind: 'set'; readonly value: unknown; readonly source: Source }
  | { readonly kind: 'problem'; readonly text: string };

/**
 * Reads and checks all settings. Synchronous: it runs once, before anything else.
 * @throws AppError invalid_argument whose message lists every problem, one per line
 */
export function loadConfig<T extends object>(sources: ConfigSources<T>): LoadedConfig<T> {
  const problems: string[] = [];
  const table = entriesOf(sources.fields);
  const file = sources.file === undefined ? new Map<string, unknown>() : readFile(sources.file, table, problems);
  const value: Record<string, unknown> = {};
  const from: Record<string, Source> = {};
  for (const [key, field] of table) {
    const outcome = resolve(field, sources, file);
    if (outcome.kind === 'problem') problems.push(outcome.text);
    else {
      value[key] = outcome.value;
      from[key] = outcome.source;
    }
  }
  if (problems.length > 0)
    throw new AppError('invalid_argument', `the configuration has problems:\n  ${problems.join('\n  ')}`);
  const loaded: Loaded = { value, sources: from };
  if (!isComplete(loaded, sources.fields)) throw new AppError('internal', 'a setting was neither loaded nor refused');
  return loaded;
}

/** The table's rows; a field is read as one of unknown, since its own parse and print fit each other. */
export function entriesOf<T extends object>(fields: Fields<T>): [string, Field<unknown>][] {
  return Object.entries(fields);
}

/** Whether every setting of the table has its value; each was made by its own field's parse, so the types hold. */
function isComplete<T extends object>(loaded: Loaded, fields: Fields<T>): loaded is LoadedConfig<T> & Loaded {
  return Object.keys(fields).every((key) => key in loaded.value && key in loaded.sources);
}

function resolve(
  field: Field<unknown>,
  sources: Omit<ConfigSources<object>, 'fields'>,
  file: ReadonlyMap<string, unknown>,
): Outcome {
  const flag = field.flag === undefined ? undefined : sources.flags[field.flag];
  if (flag !== undefined) return parsed(field, flag, 'flag', `--${field.flag}`);
  const env = field.env === undefined ? undefined : sources.env[field.env];
  if (env !== undefined && env !== '') return parsed(field, env, 'environment', `${field.env} (environment)`);
  const inFile = file.get(field.name);
  if (inFile !== undefined && inFile !== null)
    return parsed(field, inFile, 'file', `${field.name} (in ${sources.file})`);
  if (field.fallback.kind === 'default') return { kind: 'set', value: field.fallback.value, source: 'default' };
  return { kind: 'problem', text: `${field.name}: is required; set ${waysToSet(field)}` };
}

function parsed(field: Field<unknown>, raw: unknown, source: Source, where: string): Outcome {
  try {
    return { kind: 'set', value: field.parse(raw), source };
  } catch (error) {
    if (!isAppError(error, 'invalid_argument')) throw error;
    const text = field.secret === true ? 'the value has the wrong form (not shown, it is a secret)' : error.message;
    return { kind: 'problem', text: `${where}: ${text}` };
  }
}

function waysToSet(field: Field<unknown>): string {
  const ways = [`${field.name} in the configuration file`];
  if (field.env !== undefined) ways.unshift(field.env);
  if (field.flag !== undefined) ways.unshift(`--${field.flag}`);
  return ways.join(' or ');
}

function readFile(path: string, table: readonly [string, Field<unknown>][], problems: string[]): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const root = parseFile(path, problems);
  if (root === undefined || root === null) return found;
  if (!isMapping(root)) {
    problems.push(`${path}: must hold keys and values`);
    return found;
  }
  const names = table.map(([, field]) => field.name);
  for (const [name, value] of flatten(root, '', new Set(names))) {
    if (names.includes(name)) found.set(name, value);
    else problems.push(`${name} (in ${path}): no such setting${suggestion(name, names)}`);
  }
  return found;
}

function parseFile(path: string, problems: string[]): unknown {
  try {
    return parseYaml(readFileSync(path, 'utf8'));
  } catch (error) {
    // A parser's message quotes the line it failed at, which may hold a secret: only its first sentence is kept.
    const why =
      error instanceof YAMLParseError ? yamlProblem(error) : `cannot be read (${errnoOf(error) ?? 'unknown reason'})`;
    problems.push(`${path}: ${why}`);
    return undefined;
  }
}

function yamlProblem(error: YAMLParseError): string {
  const [at] = error.linePos ?? [];
  return `is not YAML${at === undefined ? '' : ` (line ${at.line}, column ${at.col})`}: ${error.code}`;
}

/** Leaves of nested mappings with dotted names; a mapping that is itself a setting stays whole. */
function* flatten(mapping: object, prefix: string, names: ReadonlySet<string>): Generator<[string, unknown]> {
  for (const [key, value] of Object.entries(mapping)) {
    const name = prefix + key;
    if (isMapping(value) && !names.has(name)) yield* flatten(value, `${name}.`, names);
    else yield [name, value];
  }
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function suggestion(name: string, names: readonly string[]): string {
  const close = nearest(name, names);
  return close === undefined ? '' : `; did you mean ${close}?`;
}
