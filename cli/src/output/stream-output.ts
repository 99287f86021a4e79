/**
 * Output to one of the process's own streams. A write is done when the system has taken it, so that a slow reader slows
 * us and not our memory. To a pipe Node writes without blocking (measured), so pings are still answered meanwhile and
 * Ctrl-C still ends us; a write in the thread pool would hold up the exit until the reader reads on.
 */
import { type Output, OutputClosed } from './output.ts';

/** What is used of process.stdout and process.stderr. */
export interface ProcessStream {
  readonly isTTY?: boolean;
  write(data: Uint8Array | string, done: (error?: Error | null) => void): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** The output on a stream. `wantsColors`: false where NO_COLOR is set. */
export function streamOutput(stream: ProcessStream, wantsColors: boolean): Output {
  const isTerminal = stream.isTTY === true;
  // Each write hears of its own failure; without a listener the event would end the process.
  stream.on('error', () => {});
  return {
    isTerminal,
    hasColors: isTerminal && wantsColors,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => {
          if (error === undefined || error === null) resolve();
          else reject(isClosed(error) ? new OutputClosed() : error);
        });
      }),
  };
}

function isClosed(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  // EIO: the terminal was closed.
  return code === 'EPIPE' || code === 'EIO' || code === 'ERR_STREAM_DESTROYED';
}
