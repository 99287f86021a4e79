import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readEarly } from './early-reading.ts';

const server = createServer();
let session: ClientHttp2Session;

beforeEach(async () => {
  server.removeAllListeners('stream');
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ status: 'ok' }));
    stream.end('the answer');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  session = connect(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
});

afterEach(async () => {
  session.close();
  server.close();
  await once(server, 'close');
});

describe('an answer that has arrived whole before anybody reads it', () => {
  it('is given all the same', async () => {
    const stream = session.request({ ':path': '/' });
    readEarly(stream);
    await once(stream, 'trailers');
    // The stream calls itself closed a moment after its last frame; nothing of it was read yet.
    while (!stream.closed) await new Promise(setImmediate);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('the answer');
  });

  it('fails with the failure of the stream', async () => {
    server.removeAllListeners('stream');
    server.on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.close(2);
    });
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => undefined);
    readEarly(stream);
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toThrow(/NGHTTP2_INTERNAL_ERROR/);
  });

  it('may be left unread', async () => {
    const stream = session.request({ ':path': '/' });
    readEarly(stream);
    await stream[Symbol.asyncIterator]().return?.();
    expect(stream.destroyed).toBe(true);
  });
});
