/** Open files, bounded: the least recently used that nobody works with are closed when there are too many. */
import type { Disk, DiskFile, OpenFlags } from '@muster/common/disk/disk';

interface Held {
  readonly file: Promise<DiskFile>;
  users: number;
}

/** A file while it is worked with; `using` gives it back. */
export interface FileLease extends Disposable {
  readonly file: DiskFile;
}

/** The table of open files. */
export class FileHandles {
  readonly #disk: Disk;
  readonly #most: number;
  /** In the order of last use. */
  readonly #held = new Map<string, Held>();
  readonly #closing = new Set<Promise<void>>();

  /** @param most files held open while nobody works with them */
  constructor(disk: Disk, most: number) {
    this.#disk = disk;
    this.#most = most;
  }

  /** Files that are open. */
  get size(): number {
    return this.#held.size;
  }

  /** Opens a file, or finds it open. `flags` count only where it is opened. */
  async lease(path: string, flags: Extract<OpenFlags, 'read' | 'read_write'>): Promise<FileLease> {
    // One opened for reading cannot be written, so the two are kept apart.
    const name = `${flags}:${path}`;
    const held = this.#held.get(name) ?? { file: this.#disk.open(path, flags), users: 0 };
    held.users += 1;
    this.#held.delete(name);
    this.#held.set(name, held);
    try {
      const file = await held.file;
      return { file, [Symbol.dispose]: () => this.#giveBack(held) };
    } catch (error) {
      held.users -= 1;
      if (this.#held.get(name) === held) this.#held.delete(name);
      throw error;
    }
  }

  /** Closes what is open of these paths, for their removal. */
  async drop(paths: readonly string[]): Promise<void> {
    const names = paths.flatMap((path) => [`read:${path}`, `read_write:${path}`]);
    await Promise.all(names.map((name) => this.#close(name)));
  }

  /** Closes all. */
  async close(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((name) => this.#close(name)));
    await Promise.all(this.#closing);
  }

  #giveBack(held: Held): void {
    held.users -= 1;
    if (this.#held.size <= this.#most) return;
    for (const [name, each] of this.#held) {
      if (each.users > 0) continue;
      const done = this.#close(name);
      this.#closing.add(done);
      done.then(
        () => this.#closing.delete(done),
        () => this.#closing.delete(done),
      );
      if (this.#held.size <= this.#most) return;
    }
  }

  async #close(name: string): Promise<void> {
    const held = this.#held.get(name);
    this.#held.delete(name);
    // A close that fails takes nothing away that was synced, and there is no other way to close it.
    await held?.file.then((file) => file.close()).catch(() => undefined);
  }
}
