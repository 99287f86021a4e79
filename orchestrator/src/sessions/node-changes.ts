/** Tells watchers which nodes changed: by name, not by value, so that a slow watcher looks at the newest and misses none. */
import type { NodeId } from '@muster/common/ids/ids';
import { Waiters } from '@muster/common/queue/waiters';

/** The feed. */
export class NodeChanges {
  readonly #watchers = new Set<{ readonly changed: Set<NodeId>; readonly waiters: Waiters<void> }>();

  /** How many watch. */
  get size(): number {
    return this.#watchers.size;
  }

  /** A node has changed. Costs one entry per watcher at most, however often it is said. */
  notify(nodeId: NodeId): void {
    for (const { changed, waiters } of this.#watchers) {
      changed.add(nodeId);
      waiters.resolveAll();
    }
  }

  /** Nodes that changed since the last batch, from the call on. Throws `signal.reason` when aborted. */
  watch(signal: AbortSignal): AsyncGenerator<readonly NodeId[], void, void> {
    const watcher = { changed: new Set<NodeId>(), waiters: new Waiters<void>() };
    // Registered here, not at the first `next`, so that what changes in between is not missed.
    this.#watchers.add(watcher);
    const leave = (): boolean => this.#watchers.delete(watcher);
    signal.addEventListener('abort', leave, { once: true });
    return batches(watcher, signal, leave);
  }
}

async function* batches(
  watcher: { readonly changed: Set<NodeId>; readonly waiters: Waiters<void> },
  signal: AbortSignal,
  leave: () => void,
): AsyncGenerator<readonly NodeId[], void, void> {
  try {
    for (;;) {
      signal.throwIfAborted();
      if (watcher.changed.size === 0) await watcher.waiters.wait(signal);
      const batch = [...watcher.changed];
      watcher.changed.clear();
      yield batch;
    }
  } finally {
    leave();
    signal.removeEventListener('abort', leave);
  }
}
