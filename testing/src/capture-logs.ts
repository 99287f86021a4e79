/** A real logger whose lines a test can read. */
import { type Logger, makeLogger } from '@muster/common/logging/logger';

/** One line, parsed. */
export type LogLine = Readonly<Record<string, unknown>>;

/** The logger and what it wrote. */
export interface CapturedLogs {
  readonly logger: Logger;
  /** All lines so far. */
  readonly lines: readonly LogLine[];
  /** The raw text, to search it for secrets. */
  text(): string;
}

/** A logger at level debug that writes into memory. */
export function captureLogs(name = 'test'): CapturedLogs {
  const lines: LogLine[] = [];
  const raw: string[] = [];
  const write = (line: string): void => {
    raw.push(line);
    lines.push(JSON.parse(line));
  };
  const logger = makeLogger({ name, level: 'debug', pretty: false, destination: { write } });
  return { logger, lines, text: () => raw.join('') };
}
