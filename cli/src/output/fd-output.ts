/**
 * Output to a file descriptor. Not process.stdout: that one writes to pipes synchronously, so a slow reader would stop
 * our event loop, and with it the answers to keep-alive pings. Here a write waits in a thread of the pool instead.
 */
import { write } from 'node:fs';
import { isatty } from 'node:tty';
import type { Clock } from '@muster/common/clock/clock';
import { errnoOf } from '@muster/common/errors/app-error';
import { type Output, OutputClosed } from './output.ts';

/** Wait before writing again to a full pipe that somebody else set to non-blocking: short enough for 6 MB/s of 64 KiB pipes. */
const FULL_PIPE_WAIT_MS = 10;

/** What an output needs to know. */
export interface FdOutputOptions {
  readonly clock: Clock;
  /** False where NO_COLOR is set. */
  readonly wantsColors: boolean;
}

/** The output on a file descriptor: 1 or 2. */
export function fdOutput(fd: number, options: FdOutputOptions): Output {
  const isTerminal = isatty(fd);
  let last: Promise<void> = Promise.resolve();
  return {
    isTerminal,
    hasColors: isTerminal && options.wantsColors,
    write(bytes) {
      const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      last = last.then(() => writeAll(fd, data, options.clock));
      return last;
    },
  };
}

async function writeAll(fd: number, data: Uint8Array, clock: Clock): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const written = await writeSome(fd, data.subarray(done));
    // The pause is short and ends by itself, so nothing needs to end it.
    if (written === 0) await clock.sleep(FULL_PIPE_WAIT_MS, new AbortController().signal);
    done += written;
  }
}

function writeSome(fd: number, data: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, data, (error, written) => {
      const errno = errnoOf(error);
      if (errno === 'EAGAIN') resolve(0);
      else if (errno === 'EPIPE' || errno === 'EIO') reject(new OutputClosed());
      else if (error) reject(error);
      else resolve(written);
    });
  });
}
