/**
 * What one session still has to send, in the order of its importance: answers and heartbeats, then statuses, then
 * output. One writer takes from it, so that sequences have no gaps. Bounds: 1,024 answers (more end the session: the
 * other side asks without reading), statuses by the attempts held, 4 frames of output (the shipper waits for room).
 */
import { AppError } from '@muster/common/errors/app-error';
import { BoundedQueue } from '@muster/common/queue/bounded-queue';
import { Wakeup } from '@muster/common/queue/signal-flag';
import type { ConnectRequest } from '@muster/gen/muster/agent/v1/agent_service_pb';
import type { LogFrame, StatusPort } from './session-ports.ts';

/** What a frame says, without its sequence. */
export type OutboundMessage = ConnectRequest['message'];

/** Offers of a full node twice over, and room. */
const MOST_ANSWERS = 1_024;
/** Two are read while two are written; at 256 KiB each this is 1 MiB of memory. */
const MOST_LOG_FRAMES = 4;

/** The outbox of one session. */
export class Outbox implements Disposable {
  readonly #answers: OutboundMessage[] = [];
  readonly #logs = new BoundedQueue<LogFrame>({ capacity: MOST_LOG_FRAMES, overflow: 'wait' });
  readonly #pending = new Wakeup();
  readonly #statuses: StatusPort;
  readonly #subscription: Disposable;

  constructor(statuses: StatusPort) {
    this.#statuses = statuses;
    this.#subscription = statuses.onPending(() => this.#pending.notify());
    statuses.resendAll();
  }

  /** Queues an answer, a heartbeat or a report. @throws AppError resource_exhausted when 1,024 wait */
  answer(message: OutboundMessage): void {
    if (this.#answers.length >= MOST_ANSWERS) {
      throw new AppError('resource_exhausted', `${MOST_ANSWERS} answers wait: the orchestrator asks without reading`);
    }
    this.#answers.push(message);
    this.#pending.notify();
  }

  /** Queues output, waiting for room. Rejects with the signal's reason. */
  async log(frame: LogFrame, signal: AbortSignal): Promise<void> {
    await this.#logs.push(frame, signal);
    this.#pending.notify();
  }

  /** The most important message, waiting for one. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<OutboundMessage> {
    for (;;) {
      signal.throwIfAborted();
      const answer = this.#answers.shift();
      if (answer !== undefined) return answer;
      const status = this.#statuses.take();
      if (status !== undefined) return { case: 'attemptStatus', value: status };
      if (this.#logs.size > 0) {
        const taken = await this.#logs.take(signal);
        if (!taken.done) return taken.item;
      }
      await this.#pending.wait(signal);
    }
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#logs.close();
  }
}
