import { describe, expect, it } from '@jest/globals';
import { type Clock, systemClock } from '@muster/common/clock/clock';
import { isAppError } from '@muster/common/errors/app-error';
import { expectNoLeaks } from '@muster/testing/leak-check';
import { askHttp } from './ask-http.ts';
import { metadataServer } from './metadata-server.fixture.ts';
import { never } from './probe-context.fixture.ts';

/** Every timer is over before a connection can come about. */
const hasty: Clock = {
  ...systemClock,
  schedule(_delayMs, fn) {
    queueMicrotask(fn);
    return { [Symbol.dispose]: () => {} };
  },
};

describe('asking over HTTP', () => {
  it('gives status, headers and body, and keeps no connection', async () => {
    await expectNoLeaks(async () => {
      await using server = await metadataServer(
        (_, response) => void response.writeHead(418, { 'x-a': 'b' }).end('tea'),
      );
      const answer = await askHttp(
        { to: { base: server.base }, path: '/x?y=1', connectTimeoutMs: 300 },
        systemClock,
        never,
      );
      expect(answer).toMatchObject({ status: 418, headers: { 'x-a': 'b' }, body: 'tea' });
      expect(server.asked).toEqual(['GET /x?y=1']);
    });
  });

  it('rejects when no connection comes about in time', async () => {
    await using server = await metadataServer((_, response) => void response.end());
    const asking = askHttp({ to: { base: server.base }, path: '/', connectTimeoutMs: 300 }, hasty, never);
    const failure: unknown = await asking.catch((error: unknown) => error);
    expect(isAppError(failure, 'deadline_exceeded')).toBe(true);
    expect(server.asked).toEqual([]);
  });

  it('stops reading an answer over 1 MiB', async () => {
    await using server = await metadataServer((_, response) => void response.end(Buffer.alloc(2 * 1024 * 1024)));
    const asking = askHttp({ to: { base: server.base }, path: '/', connectTimeoutMs: 300 }, systemClock, never);
    await expect(asking).rejects.toThrow('longer than 1 MiB');
  });

  it('rejects with the reason when it is aborted in the middle of an answer', async () => {
    const controller = new AbortController();
    await using server = await metadataServer((_, response) => {
      response.write('half');
      controller.abort(new Error('enough'));
    });
    const asking = askHttp(
      { to: { base: server.base }, path: '/', connectTimeoutMs: 300 },
      systemClock,
      controller.signal,
    );
    await expect(asking).rejects.toThrow('enough');
  });
});
