/**
 * The floor of the output benchmark: one mutual TLS 1.3 socket between two Node processes, carrying the same bytes into
 * nothing. No frames, no protocol, no disk: what the machine's TLS alone lets through.
 */
import { testCa } from '@muster/testing/test-pki';
import { ChildProgram, Fields } from '../child-program.ts';

/** Two processes with their certificates. */
export interface RawTlsPeer extends AsyncDisposable {
  /** Sends this many bytes over a new connection; megabytes (10^6) per second, from the first write until the last byte has arrived. */
  megabytesPerSecond(sizeBytes: number): Promise<number>;
}

/** Starts them. */
export async function startRawTlsPeer(): Promise<RawTlsPeer> {
  const ca = await testCa();
  const [server, client] = [await ca.server(), await ca.node('01arz3ndektsv4rrffq69g5fav')];
  await using stack = new AsyncDisposableStack();
  const sink = stack.use(new ChildProgram('peers/raw-tls-sink'));
  const source = stack.use(new ChildProgram('peers/raw-tls-source'));
  const port = new Fields(await sink.ask(server)).number('port');
  const owned = stack.move();
  return {
    async megabytesPerSecond(sizeBytes) {
      const elapsedMs = new Fields(await source.ask({ ...client, port, sizeBytes })).number('elapsedMs');
      return sizeBytes / 1000 / elapsedMs;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
