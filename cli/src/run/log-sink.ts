/**
 * Where a job's output goes: as it is for one task, with the node's name before each line for several, or nowhere.
 * What goes to a terminal is made safe first, unless raw bytes are asked for.
 */
import type { LogSource } from '@muster/gen/muster/control/v1/job_service_pb';
import { OutputStream } from '@muster/gen/muster/job/v1/status_pb';
import { linePrefixer } from '../output/line-prefixer.ts';
import type { Output } from '../output/output.ts';
import { cellText, terminalSafe } from '../output/terminal-safe.ts';
import { makePaint } from '../show/paint.ts';

/** Takes a job's output. Its promises resolve when the system has taken the bytes, and so slow down the reader of the job. */
export interface LogSink {
  write(source: LogSource, stream: OutputStream, bytes: Uint8Array): Promise<void>;
  /** Writes what was held back: begun lines and sequences. Call it once, at the end. */
  finish(): Promise<void>;
}

/** Both outputs, and whether bytes go to terminals as they are. */
export interface SinkOptions {
  readonly stdout: Output;
  readonly stderr: Output;
  /** True: control sequences reach a terminal. */
  readonly isRaw: boolean;
}

/** Turns the bytes of one stream of one run into what is written. */
interface Pipeline {
  readonly output: Output;
  push(bytes: Uint8Array): Uint8Array | string;
  flush(): Uint8Array | string;
}

/** Ends all colours. */
const RESET = '\x1b[0m';
const ESC_BYTE = 0x1b;

/** For one task: bytes go through. */
export function plainSink(options: SinkOptions): LogSink {
  return pipelineSink(options, (output) => {
    if (!output.isTerminal || options.isRaw) return { output, push: (bytes) => bytes, flush: () => '' };
    const safe = terminalSafe({ carriageReturn: 'keep' });
    let isColored = false;
    return {
      output,
      push(bytes) {
        isColored ||= bytes.includes(ESC_BYTE);
        return safe.push(bytes);
      },
      // A job must not leave the terminal in its colours.
      flush: () => safe.flush() + (isColored ? RESET : ''),
    };
  });
}

/** For several tasks: whole lines with the node's name. `names`: all nodes that will speak, for equal widths. */
export function prefixSink(options: SinkOptions, names: readonly string[]): LogSink {
  const width = Math.max(0, ...names.map((name) => cellText(name).length));
  const places = new Map(names.map((name, place) => [name, place]));
  return pipelineSink(options, (output, source) => {
    const paint = makePaint(output.hasColors);
    const name = cellText(source.nodeName).padEnd(width);
    const prefix = `${paint.nth(places.get(source.nodeName) ?? 0, name)} | `;
    const isSafe = output.isTerminal && !options.isRaw;
    const lines = linePrefixer(prefix, (line) => (isSafe && line.includes(ESC_BYTE) ? RESET : ''));
    if (!isSafe) return { output, push: lines.push, flush: lines.flush };
    // Shown, since a return would let a node write over another's name.
    const safe = terminalSafe({ carriageReturn: 'show' });
    return {
      output,
      push: (bytes) => lines.push(Buffer.from(safe.push(bytes))),
      flush: () => Buffer.concat([lines.push(Buffer.from(safe.flush())), lines.flush()]),
    };
  });
}

/** Takes everything and writes nothing: for waiting until the output is complete. */
export const noSink: LogSink = { write: async () => {}, finish: async () => {} };

function pipelineSink(options: SinkOptions, make: (output: Output, source: LogSource) => Pipeline): LogSink {
  const pipelines = new Map<string, Pipeline>();
  const write = async (pipeline: Pipeline, bytes: Uint8Array | string): Promise<void> => {
    if (bytes.length > 0) await pipeline.output.write(bytes);
  };
  return {
    async write(source, stream, bytes) {
      const key = `${source.attemptId}/${source.run}/${stream}`;
      const output = stream === OutputStream.STDERR ? options.stderr : options.stdout;
      const pipeline = pipelines.get(key) ?? make(output, source);
      pipelines.set(key, pipeline);
      await write(pipeline, pipeline.push(bytes));
    },
    async finish() {
      for (const pipeline of pipelines.values()) await write(pipeline, pipeline.flush());
      pipelines.clear();
    },
  };
}
