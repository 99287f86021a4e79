// A session whose other side stands still, on a channel of the test's own.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/common/errors/app-error';
import type { FrameChannel } from '@muster/common/grpc/frame-channel';
import { seededRandom } from '@muster/common/random/random';
import {
  type ConnectRequest,
  type ConnectResponse,
  ConnectResponseSchema,
} from '@muster/gen/muster/agent/v1/agent_service_pb';
import { FingerprintSchema, NodeUsageSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { eventually } from '@muster/testing/eventually';
import { ManualClock } from '@muster/testing/manual-clock';
import { runSession, type SessionDeps } from './session.ts';
import { StatusOutbox } from './status-outbox.ts';

const nothing = (): void => undefined;

function depsOf(clock: ManualClock): SessionDeps {
  return {
    facts: { ledgerId: '', bootId: '', processId: '', machineIdHash: '', labels: {}, maxAttempts: 1 },
    work: {
      held: () => [],
      verdict: nothing,
      complete: nothing,
      offer: nothing,
      withdraw: nothing,
      start: () => 'known',
      stop: nothing,
      forget: nothing,
      setDraining: nothing,
      sessionEnded: nothing,
    },
    logs: { open: nothing, configure: nothing, ack: nothing, ship: async () => undefined },
    statuses: new StatusOutbox(),
    epochs: { highestStoreEpoch: 0n, recordStoreEpoch: async () => undefined },
    fingerprints: {
      fingerprint: create(FingerprintSchema),
      async *changes() {
        // Nothing changes.
      },
      usage: () => create(NodeUsageSchema),
    },
    clock,
    random: seededRandom(1),
    logger: captureLogs().logger,
  };
}

/** A stream that welcomes and then takes nothing after hello, until it is aborted. */
class StuckChannel implements FrameChannel<ConnectResponse, ConnectRequest> {
  readonly writableNow = false;
  readonly closed = Promise.resolve(undefined);
  readonly frames: AsyncIterable<ConnectResponse>;
  readonly sent: string[] = [];
  readonly #aborted = Promise.withResolvers<void>();
  #failure: AppError | undefined;

  constructor(welcome: ConnectResponse, ...later: readonly ConnectResponse[]) {
    const aborted = this.#aborted.promise;
    this.frames = {
      [Symbol.asyncIterator]: async function* () {
        yield welcome;
        yield* later;
        await aborted;
      },
    };
  }

  async send(frame: ConnectRequest): Promise<void> {
    this.sent.push(frame.message.case ?? '');
    if (this.sent.length === 1) return;
    await this.#aborted.promise;
    throw this.#failure ?? new AppError('internal', 'not aborted');
  }

  close(): void {
    // The other side does not look at it.
  }

  abort(reason: AppError): void {
    this.#failure = reason;
    this.#aborted.resolve();
  }
}

const welcome = (sequence: bigint): ConnectResponse =>
  create(ConnectResponseSchema, { sequence, message: { case: 'welcome', value: { storeEpoch: 1n } } });

describe('a session whose other side takes nothing any more', () => {
  it('ends within the time of a farewell when the agent ends', async () => {
    const clock = new ManualClock();
    const ending = new AbortController();
    const channel = new StuckChannel(welcome(1n));
    const running = runSession(depsOf(clock), channel, nothing, ending.signal);
    await eventually(() => channel.sent.length === 2);
    ending.abort(new Error('enough'));
    await clock.advance(2_000);
    expect(await running).toEqual({ kind: 'stopped' });
  });

  it('ends at once when it breaks a rule', async () => {
    const channel = new StuckChannel(welcome(1n), welcome(2n));
    const running = runSession(depsOf(new ManualClock()), channel, nothing, new AbortController().signal);
    expect(await running).toMatchObject({ kind: 'broken', failure: { code: 'failed_precondition' } });
  });

  it('ends within the time of a farewell when it is deaf', async () => {
    const clock = new ManualClock();
    const channel = new StuckChannel(welcome(1n));
    const running = runSession(depsOf(clock), channel, nothing, new AbortController().signal);
    await eventually(() => channel.sent.length === 2);
    await clock.advance(30_000);
    await clock.advance(2_000);
    expect(await running).toMatchObject({ kind: 'we_left' });
  });
});
