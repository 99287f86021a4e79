/**
 * The FIFO on which keepers tell early that a run started or ended. Opened for reading and writing, so that opening
 * never waits and the end of one writer is not the end of the file. What it says is a hint: who missed it looks at the
 * files.
 */
import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { AppError } from '@muster/common/errors/app-error';

/** One notice: `started` and what the run's stat line said, `ended`, or `denied` (the claim was somebody else's). */
export interface Notice {
  readonly kind: 'started' | 'ended' | 'denied';
  /** The name of the run's file. */
  readonly id: string;
  readonly rest: string;
}

const KINDS: ReadonlyMap<string, Notice['kind']> = new Map([
  ['s', 'started'],
  ['e', 'ended'],
  ['d', 'denied'],
]);

/** Reads one line; undefined where it is no notice. */
export function parseNotice(line: string): Notice | undefined {
  const [letter = '', id = ''] = line.split(' ', 2);
  const kind = KINDS.get(letter);
  return kind === undefined || id === '' ? undefined : { kind, id, rest: line.slice(letter.length + id.length + 2) };
}

/** The reading end. */
export interface NoticePipe {
  readonly path: string;
  /** Notices as they come, until `close`. To be read by one loop, which must not wait for anything else. */
  readonly notices: AsyncIterable<Notice>;
  close(): void;
}

/** Opens the FIFO, making it where it is missing. Throws `internal` where the file system has none. */
export async function openNoticePipe(path: string): Promise<NoticePipe> {
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO() !== true) await makeFifo(path);
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const socket = socketOf(descriptor);
  return { path, notices: readNotices(socket), close: () => socket.destroy() };
}

function socketOf(descriptor: number): Socket {
  try {
    return new Socket({ fd: descriptor, readable: true, writable: false });
  } catch (error) {
    closeSync(descriptor);
    throw AppError.from(error, 'cannot read the notice pipe');
  }
}

/** Node cannot make a FIFO; the program is in coreutils and busybox. */
async function makeFifo(path: string): Promise<void> {
  try {
    await promisify(execFile)('mkfifo', ['-m', '600', '--', path]);
  } catch (error) {
    throw AppError.from(error, `cannot make the notice pipe ${path}`);
  }
}

/** A notice is under 512 bytes; what is longer without a newline is not one, and is dropped. */
const LONGEST_NOTICE_BYTES = 4_096;

async function* readNotices(socket: Socket): AsyncGenerator<Notice> {
  let open = '';
  try {
    for await (const chunk of socket) {
      const lines = (open + String(chunk)).split('\n');
      open = lines.pop() ?? '';
      if (open.length > LONGEST_NOTICE_BYTES) open = '';
      for (const line of lines) {
        const notice = parseNotice(line);
        if (notice !== undefined) yield notice;
      }
    }
  } catch (error) {
    // Destroying the socket under the reader is how `close` ends it.
    if (!socket.destroyed) throw AppError.from(error, 'the notice pipe broke');
  }
}
