// Reads see what is committed: between two turns of the event loop no transaction is open.
import { storeErrorOf } from './storage-error.ts';

/** Runs a read. Rejects with an AppError where the storage is broken. */
export async function reading<T>(read: () => T): Promise<T> {
  try {
    return read();
  } catch (error) {
    throw storeErrorOf(error);
  }
}
