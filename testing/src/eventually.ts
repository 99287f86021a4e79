/** Waiting for what the outside world does (processes, sockets), by level: the predicate is asked until it holds. */

/** How long and how often. */
export interface EventuallyOptions {
  /** Real time after which it fails. Default 5 s: generous, it costs nothing when the predicate holds. */
  readonly withinMs?: number;
  /** Pause between two looks. Default 5 ms. */
  readonly everyMs?: number;
  /** What is waited for, for the failure's text. */
  readonly what?: string;
}

/**
 * Returns the first answer that is neither false nor undefined nor null. Fails with the last answer or error once the
 * time is over.
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined | null>> {
  const withinMs = options.withinMs ?? 5_000;
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const seen = await lookOnce(look);
    if (seen.kind === 'holds') return seen.value;
    if (performance.now() >= untilMs) {
      const what = options.what ?? 'the condition';
      throw new Error(`${what} did not hold within ${withinMs} ms; last: ${seen.last}`, { cause: seen.cause });
    }
    await pause(options.everyMs ?? 5);
  }
}

type Look<T> =
  | { readonly kind: 'holds'; readonly value: Exclude<T, false | undefined | null> }
  | { readonly kind: 'not'; readonly last: string; readonly cause?: unknown };

async function lookOnce<T>(look: () => T | Promise<T>): Promise<Look<Awaited<T>>> {
  try {
    const value = await look();
    return isAnswer(value) ? { kind: 'holds', value } : { kind: 'not', last: String(value) };
  } catch (error) {
    return { kind: 'not', last: String(error), cause: error };
  }
}

function isAnswer<T>(value: T): value is Exclude<T, false | undefined | null> {
  return value !== false && value !== undefined && value !== null;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
