/**
 * One owner per directory. Node has no flock, so a lock is a listening Unix socket in the directory: the kernel ends
 * the listening when the process dies, however it dies, and a connection attempt tells a dead lock from a live one.
 *
 * Every contender first listens on a socket file with a name of its own and only then looks at the others, so of two
 * at least one sees the other. A name is never used twice, so removing a dead one cannot hit a new owner. Of two that are
 * still looking, the lower name goes on. Local file systems only, any container on the same kernel.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../clock/clock.ts';
import { AppError, errnoOf } from '../errors/app-error.ts';

const LOCK_NAME = /^lock-(\d+)-[0-9a-f]{16}\.sock$/;
/** Between two looks at a contender that is still looking itself; it needs less than a millisecond. */
const LOOK_AGAIN_MS = 20;
/** Together 5 s: a contender that looks for longer hangs, and counts as the owner. */
const MOST_LOOKS = 250;

/** What another lock file turned out to be. */
type Other =
  | { readonly kind: 'dead' }
  | { readonly kind: 'looking'; readonly pid: string }
  | { readonly kind: 'owner'; readonly pid: string };

/**
 * Takes the directory, which must exist. Dispose to release; also released when the process dies. Does not keep the
 * process alive.
 * @throws AppError failed_precondition naming the owner's process id when the directory is taken, or saying that it cannot be written
 */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  const handle = await openDirectory(directory);
  try {
    const lock = new DirectoryLock(directory, handle);
    await lock.take();
    return lock;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openDirectory(directory: string): Promise<FileHandle> {
  try {
    return await open(directory, 'r');
  } catch (error) {
    throw new AppError('failed_precondition', `cannot lock ${directory}: ${errnoOf(error) ?? 'unknown reason'}`, {
      cause: error,
    });
  }
}

class DirectoryLock implements AsyncDisposable {
  readonly #directory: string;
  readonly #handle: FileHandle;
  readonly #name = `lock-${process.pid}-${randomBytes(8).toString('hex')}.sock`;
  readonly #server: Server;
  #owned = false;
  #released = false;

  constructor(directory: string, handle: FileHandle) {
    this.#directory = directory;
    this.#handle = handle;
    this.#server = createServer((socket) => {
      // The asker may be gone already: nothing to do about it.
      socket.on('error', () => socket.destroy());
      socket.end(`${this.#owned ? 'owner' : 'looking'} ${process.pid}\n`);
    });
  }

  async take(): Promise<void> {
    await this.#listen();
    this.#server.unref();
    try {
      await this.#outlastOthers();
      this.#owned = true;
    } catch (error) {
      await this.#stopListening();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#stopListening();
    await this.#handle.close();
  }

  async #outlastOthers(): Promise<void> {
    const names = await readdir(this.#directory);
    for (const name of names.filter((each) => LOCK_NAME.test(each) && each !== this.#name)) await this.#outlast(name);
    // Between our bind and our listen (one instant) a contender may have taken us for dead and removed our name; without
    // the name later ones would not find us. It has ended since, or we had not outlasted it.
    if (!(await readdir(this.#directory)).includes(this.#name)) throw this.#taken('unknown');
  }

  async #outlast(name: string): Promise<void> {
    for (let look = 0; look < MOST_LOOKS; look += 1) {
      const other = await ask(this.#socketPath(name), LOCK_NAME.exec(name)?.[1] ?? 'unknown');
      if (other.kind === 'dead') {
        await rm(join(this.#directory, name), { force: true });
        return;
      }
      if (other.kind === 'owner' || name < this.#name) throw this.#taken(other.pid);
      await systemClock.sleep(LOOK_AGAIN_MS, new AbortController().signal);
    }
    throw this.#taken('unknown');
  }

  #taken(pid: string): AppError {
    return new AppError(
      'failed_precondition',
      `${this.#directory} is in use by process ${pid}; stop that process or choose another directory`,
    );
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        const why = errnoOf(error) ?? 'unknown reason';
        const text = `cannot write in ${this.#directory} (${why}); let this user write there, or choose another directory`;
        reject(new AppError('failed_precondition', text, { cause: error }));
      });
      this.#server.listen(this.#socketPath(this.#name), resolve);
    });
  }

  /** A socket's path may have 107 bytes only; through the open directory it is short however deep the directory lies. */
  #socketPath(name: string): string {
    return process.platform === 'linux' ? `/proc/self/fd/${this.#handle.fd}/${name}` : join(this.#directory, name);
  }

  async #stopListening(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    await rm(join(this.#directory, this.#name), { force: true });
  }
}

/** Asks the process behind a lock file. One that does not answer in words is an owner that is busy or stopped. */
function ask(path: string, pidInName: string): Promise<Other> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = createConnection(path);
    const timer = systemClock.schedule(LOOK_AGAIN_MS * 25, () => socket.destroy());
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer = (answer + text).slice(0, 64);
    });
    socket.on('error', (error) => {
      // Nobody listens (ECONNREFUSED), or the file went meanwhile (ENOENT).
      const code = errnoOf(error);
      resolve(code === 'ECONNREFUSED' || code === 'ENOENT' ? { kind: 'dead' } : { kind: 'owner', pid: pidInName });
    });
    socket.on('close', () => {
      timer[Symbol.dispose]();
      const [word, pid] = answer.trim().split(' ');
      resolve({ kind: word === 'looking' ? 'looking' : 'owner', pid: pid ?? pidInName });
    });
  });
}
