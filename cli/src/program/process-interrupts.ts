/** Ctrl-C of this process. */
import type { Interrupts } from '../context.ts';
import { EXIT_INTERRUPTED } from '../run/exit-code.ts';
import { EndedBySignal } from './ended-by-signal.ts';

/** Hands Ctrl-C to whoever listens, and ends the command where nobody does. */
export function processInterrupts(ending: AbortController): Interrupts {
  const listeners = new Set<() => void>();
  process.on('SIGINT', () => {
    if (listeners.size === 0) ending.abort(new EndedBySignal(EXIT_INTERRUPTED));
    for (const listener of listeners) listener();
  });
  return {
    listen(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => listeners.delete(listener) };
    },
  };
}
