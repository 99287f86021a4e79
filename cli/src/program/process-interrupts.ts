/** Ctrl-C of this process. */
import type { Interrupts } from '../context.ts';
import { EXIT_INTERRUPTED } from '../run/exit-code.ts';
import { EndedBySignal } from './ended-by-signal.ts';

/** The third Ctrl-C ends the process whatever it waits for. */
const PATIENCE = 3;

/** Hands Ctrl-C to whoever listens, and ends the command where nobody does. */
export function processInterrupts(ending: AbortController): Interrupts {
  const listeners = new Set<() => void>();
  let count = 0;
  process.on('SIGINT', () => {
    count += 1;
    if (count >= PATIENCE || ending.signal.aborted) process.exit(EXIT_INTERRUPTED);
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
