/** Files that are sent along with a job. Read only as far as the limit: a file given by mistake may be large. */
import { open } from 'node:fs/promises';
import { AppError, errnoOf } from '@muster/common/errors/app-error';
import { printBytes } from '@muster/common/format/bytes';
import type { CommandContext } from '../context.ts';
import { UsageError } from '../program/options.ts';
import type { ReadInput } from '../run/job-spec.ts';

/** Reads a file, or standard input for `-`. Throws UsageError for what can not be read or is too large. */
export function inputReader(context: CommandContext): ReadInput {
  return async (path, flag, limitBytes) => {
    try {
      return path === '-' ? await context.readStdin(limitBytes) : await readFileUpTo(path, limitBytes);
    } catch (error) {
      if (error instanceof AppError) throw new UsageError(`${flag}: ${error.message}`, { cause: error });
      const errno = errnoOf(error) ?? 'unknown reason';
      throw new UsageError(`${flag}: cannot read ${path}: ${errno}`, { cause: error });
    }
  };
}

/** All of an input, or AppError invalid_argument when there is more than the limit. */
export async function readUpTo(chunks: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > limitBytes) {
      throw new AppError('invalid_argument', `more than ${printBytes(limitBytes)}, which is the most that can be sent`);
    }
    read.push(chunk);
  }
  return Buffer.concat(read);
}

async function readFileUpTo(path: string, limitBytes: number): Promise<Uint8Array> {
  await using file = await open(path, 'r');
  return await readUpTo(file.createReadStream({ autoClose: false }), limitBytes);
}
