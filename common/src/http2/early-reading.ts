/**
 * A way around a race of Node 24 (seen in 24.21) with clients that read an HTTP/2 answer by `for await`: an iterator attaches to its stream with
 * the first `next`, and where the answer has arrived whole by then, the stream calls itself closed although nobody has read it, so that
 * the iterator throws ERR_STREAM_PREMATURE_CLOSE instead of giving what is there. On a busy machine that was one call in a thousand.
 */
import type { ClientHttp2Stream } from 'node:http2';

/** Begins to read as soon as the stream is there, before any answer can be; the first iterator gets what was read. */
export function readEarly(stream: ClientHttp2Stream): void {
  const iterator = stream[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<unknown>> | undefined = iterator.next();
  // Whoever iterates sees the failure; where nobody does, nobody asked.
  first.catch(() => undefined);
  const early: AsyncIterator<unknown> = {
    next() {
      const held = first;
      first = undefined;
      return held ?? iterator.next();
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  };
  Object.defineProperty(stream, Symbol.asyncIterator, { value: () => early, configurable: true });
}
