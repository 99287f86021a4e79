/**
 * Logs by pino: one JSON object per line, or readable lines on a terminal. No worker threads (they do not work in a
 * single executable). Secrets are masked by the name of the key, 64-bit numbers become text, errors are shown with
 * all their causes on one line.
 */
import { type DestinationStream, destination as fileDestination, type Logger as PinoLogger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { shownForLogs } from './log-values.ts';

/** From quiet to loud. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Fields of one line. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One call: a message, or fields and a message. */
export interface LogCall {
  (message: string): void;
  (fields: LogFields, message: string): void;
}

/** What the product's code may do with a log. */
export interface Logger {
  readonly debug: LogCall;
  readonly info: LogCall;
  readonly warn: LogCall;
  readonly error: LogCall;
  /** The same log with these fields on each line. */
  child(fields: LogFields): Logger;
}

/** How a log is made. */
export interface LoggerOptions {
  /** Which program speaks; the field `name`. */
  readonly name: string;
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Readable lines instead of JSON. Default: only when the destination is standard output and that is a terminal. */
  readonly pretty?: boolean;
  /** Takes the lines, each ending with a newline. Default standard output, written synchronously. */
  readonly destination?: DestinationStream;
}

/** Makes a program's log. */
export function makeLogger(options: LoggerOptions): Logger {
  const target = options.destination ?? fileDestination({ dest: 1, sync: true });
  const pretty = options.pretty ?? (options.destination === undefined && process.stdout.isTTY === true);
  return narrow(
    pino(
      {
        name: options.name,
        level: options.level ?? 'info',
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }), log: shownForLogs },
        // pino's own treatment of `err` would drop the causes' codes; ours has run before it.
        serializers: { err: (shown: unknown) => shown },
      },
      pretty ? prettyLines(target) : target,
    ),
  );
}

/** pino asks no formatter for a child's fields, so they are made fit to be shown here. */
function narrow(log: PinoLogger): Logger {
  return {
    debug: log.debug.bind(log),
    info: log.info.bind(log),
    warn: log.warn.bind(log),
    error: log.error.bind(log),
    child: (fields) => narrow(log.child(shownForLogs(fields))),
  };
}

function prettyLines(target: DestinationStream): DestinationStream {
  const toPretty = prettyFactory({ colorize: process.stdout.isTTY === true, ignore: 'pid,hostname' });
  return { write: (line) => target.write(toPretty(line)) };
}
