// A store on SQLite in a directory of its own, gone with it.
import { systemClock } from '@muster/common/clock/clock';
import { tempDir } from '@muster/testing/temp-dir';
import { openStore, type Store } from './open-store.ts';
import { ids } from './samples.fixture.ts';

/** Opens an empty one; disposing closes it and removes the directory. */
export async function tempStore(): Promise<Store> {
  await using made = new AsyncDisposableStack();
  const dir = made.use(await tempDir());
  const store = made.use(await openStore({ dataDirectory: dir.path, clock: systemClock, ids }));
  const owned = made.move();
  return { ...store, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
