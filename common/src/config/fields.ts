/**
 * One typed table describes a program's settings: names in file, environment and flags, kinds, ranges, defaults and texts.
 * Loading, `--print-config` and the reference in docs/ all read the same table.
 */
import { AppError } from '../errors/app-error.ts';
import { parseBytes, printBytesExactly } from '../format/bytes.ts';
import { parseDuration, printDuration } from '../format/duration.ts';

/** What kind of value a setting takes. Durations are milliseconds and sizes bytes once loaded. */
export type FieldKind = 'string' | 'integer' | 'duration' | 'bytes' | 'boolean' | 'list' | 'address' | 'path';

/** Where a listener listens or a client connects. */
export interface Address {
  readonly host: string;
  /** 0 to 65535; 0 lets the system choose. */
  readonly port: number;
}

/** Least and greatest value, inclusive, in the loaded unit. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** What every setting says of itself. */
export interface FieldText {
  /** Key in the configuration file; dots for nesting (`logs.segment_bytes`). */
  readonly name: string;
  /** One sentence for people. */
  readonly description: string;
  /** Environment variable that overrides the file. */
  readonly env?: string;
  /** Flag that overrides all, without dashes. */
  readonly flag?: string;
  /** Unit or form of the value, for the reference. */
  readonly unit?: string;
  /** Never printed. */
  readonly secret?: boolean;
}

/** A setting whose value is a V. */
export interface Field<V> extends FieldText {
  readonly kind: FieldKind;
  readonly range?: Range;
  /** Taken when nothing sets it; undefined where `required`. */
  readonly fallback: { readonly kind: 'required' } | { readonly kind: 'default'; readonly value: V };
  /** The value of what a file, the environment or a flag holds. Throws AppError invalid_argument without a field path. */
  readonly parse: (raw: unknown) => V;
  /** The value as it would be written in a file. */
  readonly print: (value: V) => string;
}

/** Text and default of a setting; without a default it must be set. */
export type Spec<V> = FieldText & { readonly default?: V };
/** The same for a number, with a range. */
export type NumberSpec = Spec<number> & { readonly range?: Range };

/** Any text. */
export function stringField(spec: Spec<string>): Field<string> {
  return { ...base('string', spec), parse: asText, print: (value) => value };
}

/** A path; `~` is not expanded. An empty one is refused. */
export function pathField(spec: Spec<string>): Field<string> {
  const parse = (raw: unknown): string => {
    const path = asText(raw);
    if (path === '' || path.includes('\0')) throw invalid(raw, 'a path');
    return path;
  };
  return { ...base('path', spec), parse, print: (value) => value };
}

/** A whole number. */
export function integerField(spec: NumberSpec): Field<number> {
  const parse = (raw: unknown): number => {
    const value = typeof raw === 'string' && /^-?\d+$/.test(raw.trim()) ? Number(raw) : raw;
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw invalid(raw, 'a whole number');
    return inRange(value, spec.range, String);
  };
  return { ...numeric('integer', spec), parse, print: String };
}

/** A duration with its unit, loaded as milliseconds. */
export function durationField(spec: NumberSpec): Field<number> {
  const parse = (raw: unknown): number => inRange(parseDuration(asText(raw)), spec.range, printDuration);
  return { ...numeric('duration', spec), parse, print: printDuration };
}

/** A size with its unit, or a bare number of bytes. */
export function bytesField(spec: NumberSpec): Field<number> {
  const parse = (raw: unknown): number => inRange(parseBytes(asText(raw)), spec.range, printBytesExactly);
  return { ...numeric('bytes', spec), parse, print: printBytesExactly };
}

/** true or false (also yes, no, 1, 0 in environment and flags). */
export function booleanField(spec: Spec<boolean>): Field<boolean> {
  const parse = (raw: unknown): boolean => {
    if (raw === true || raw === 'true' || raw === 'yes' || raw === '1') return true;
    if (raw === false || raw === 'false' || raw === 'no' || raw === '0') return false;
    throw invalid(raw, 'true or false');
  };
  return { ...base('boolean', spec), parse, print: String };
}

/** Texts: a list in the file, separated by commas in the environment, a repeated flag. */
export function listField(spec: Spec<readonly string[]>): Field<readonly string[]> {
  const parse = (raw: unknown): readonly string[] => {
    if (Array.isArray(raw)) return raw.map(asText);
    return asText(raw)
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  };
  return { ...base('list', spec), parse, print: (value) => JSON.stringify(value) };
}

/** HOST:PORT; an IPv6 host stands in brackets. */
export function addressField(spec: Spec<Address>): Field<Address> {
  return { ...base('address', spec), parse: (raw) => parseAddress(asText(raw)), print: printAddress };
}

/** The same setting, undefined where nothing sets it. */
export function optional<V>(field: Field<V>): Field<V | undefined> {
  return {
    ...field,
    fallback: { kind: 'default', value: undefined },
    print: (value) => (value === undefined ? '' : field.print(value)),
  };
}

/** Host and port of HOST:PORT or [IPv6]:PORT. Throws invalid_argument. */
export function parseAddress(text: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text.trim()) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits ?? Number.NaN);
  if (host === undefined || !(port <= 65_535)) throw invalid(text, 'an address; write HOST:PORT');
  return { host, port };
}

/** HOST:PORT, brackets around IPv6. */
export function printAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function base<V>(kind: FieldKind, spec: Spec<V>): FieldText & Pick<Field<V>, 'kind' | 'fallback'> {
  const { default: value, ...text } = spec;
  return { ...text, kind, fallback: value === undefined ? { kind: 'required' } : { kind: 'default', value } };
}

function numeric(kind: FieldKind, spec: NumberSpec): FieldText & Pick<Field<number>, 'kind' | 'fallback' | 'range'> {
  const { range, ...rest } = spec;
  return { ...base(kind, rest), ...(range === undefined ? {} : { range }) };
}

function asText(raw: unknown): string {
  if (typeof raw === 'string') return raw;
  if (typeof raw === 'number' || typeof raw === 'bigint') return String(raw);
  throw invalid(raw, 'a text');
}

function inRange(value: number, range: Range | undefined, print: (value: number) => string): number {
  if (range?.min !== undefined && value < range.min) throw outside(value, `at least ${print(range.min)}`, print);
  if (range?.max !== undefined && value > range.max) throw outside(value, `at most ${print(range.max)}`, print);
  return value;
}

function outside(value: number, bound: string, print: (value: number) => string): AppError {
  return new AppError('invalid_argument', `${print(value)} is out of range; it must be ${bound}`);
}

function invalid(raw: unknown, wanted: string): AppError {
  return new AppError('invalid_argument', `${JSON.stringify(raw) ?? String(raw)} is not ${wanted}`);
}
