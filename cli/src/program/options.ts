/** Typed reading of what commander parsed: its own types say nothing about values. */
import { AppError } from '@muster/common/errors/app-error';
import { parseDuration } from '@muster/common/format/duration';

/** A wrong use of the command: exit code 2, with where to read more. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A command's options by their camel-case names. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** A text; undefined: not given. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** Whether a switch is on. */
  isOn(name: string): boolean {
    return this.#values[name] === true;
  }

  /** All values of an option that may be repeated. */
  texts(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
  }

  /** A duration in milliseconds. Throws UsageError. */
  durationMs(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : asUsage(flagOf(name), () => parseDuration(text));
  }

  /** A whole number from `least` on. Throws UsageError. */
  count(name: string, least: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least) return value;
    throw new UsageError(`${flagOf(name)}: ${JSON.stringify(text)} is not a whole number from ${least} on`);
  }

  /** Whether JSON is asked for with -o; other formats must be in `others`. Throws UsageError. */
  outputFormat<Format extends string = never>(others: readonly Format[] = []): 'text' | 'json' | Format {
    const text = this.text('output');
    if (text === undefined) return 'text';
    const format = [...others, 'json' as const].find((known) => known === text);
    if (format !== undefined) return format;
    throw new UsageError(`-o: unknown format ${JSON.stringify(text)}; known: ${['json', ...others].join(', ')}`);
  }
}

/** Turns an AppError about a value into a UsageError that names the flag. */
function asUsage<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AppError) throw new UsageError(`${flag}: ${error.message}`, { cause: error });
    throw error;
  }
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
