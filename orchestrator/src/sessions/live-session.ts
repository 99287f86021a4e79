/**
 * One session of one agent, from its hello to its end. It owns the rules of the stream and nothing else: what frames
 * mean is decided behind the ports. Reading a frame waits for work only where it must hold back a flood.
 */
import { AppError, errorChain } from '@muster/common/errors/app-error';
import {
  type AttemptId,
  asSessionId,
  type LedgerId,
  type NodeId,
  type ProcessId,
  type SessionId,
} from '@muster/common/ids/ids';
import { musterVersion } from '@muster/common/version/version';
import type { ConnectRequest } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { GoodbyeReason } from '@muster/gen/muster/agent/v1/session_pb';
import type { AttemptState } from '../domain/job.ts';
import type { ParsedHello } from '../wire/agent-frames-in.ts';
import { goodbye, welcome } from '../wire/agent-frames-out.ts';
import { fitCompleteSet } from './complete-set.ts';
import { routeFrame } from './frame-router.ts';
import { OrderedReports } from './ordered-reports.ts';
import { type AgentChannel, Outbox } from './outbox.ts';
import type { SessionDeps } from './session-deps.ts';
import type { AssignmentChange, EndReason, LogPosition } from './session-ports.ts';
import type { RegisteredSession } from './session-registry.ts';
import type { SessionState } from './session-state.ts';
import { Windows } from './windows.ts';

/**
 * Statuses under way before the next frame waits: more than any node has attempts at once, so that only an agent that
 * repeats thousands of results after an outage is held back, and then only as long as the store needs.
 */
const MOST_REPORTS = 4_096;
/** A peer that takes nothing for as long as three heartbeats is as good as gone. */
const STALLED_PERIODS = 3;
/** After goodbye the other side has this long to end the stream. */
const DRAIN_MS = 10_000;

/** Who is on the other end, as the certificate and the socket say. */
export interface Peer {
  readonly nodeId: NodeId;
  readonly nodeName: string;
  /** host:port. */
  readonly address: string;
}

/** A live session. */
export class LiveSession implements RegisteredSession {
  readonly id: SessionId;
  readonly nodeId: NodeId;
  readonly nodeName: string;
  readonly ledgerId: LedgerId;
  readonly bootId: string;
  readonly processId: ProcessId;
  readonly address: string;
  readonly maxAttempts: number;
  readonly reports = new OrderedReports(MOST_REPORTS);
  readonly outbox: Outbox;
  readonly #deps: SessionDeps;
  readonly #channel: AgentChannel;
  #windows: Windows | undefined;
  #state: SessionState = { kind: 'opening' };
  #heardAtMs: number;

  constructor(deps: SessionDeps, channel: AgentChannel, peer: Peer, hello: ParsedHello) {
    this.id = asSessionId(deps.ids.next());
    this.nodeId = peer.nodeId;
    this.nodeName = peer.nodeName;
    this.address = peer.address;
    this.ledgerId = hello.ledgerId;
    this.bootId = hello.bootId;
    this.processId = hello.processId;
    this.maxAttempts = hello.maxAttempts;
    this.#heardAtMs = deps.clock.monotonicMs();
    this.#deps = deps;
    this.#channel = channel;
    this.outbox = new Outbox(channel, deps.clock, (reason) => this.fail(new AppError('resource_exhausted', reason)));
  }

  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  get ended(): boolean {
    return this.#state.kind === 'draining' || this.#state.kind === 'closed';
  }

  /** Unacknowledged bytes; made when the first output comes, which on an idle node is never. */
  get windows(): Windows {
    this.#windows ??= new Windows(this.#deps.settings.log);
    return this.#windows;
  }

  /** Takes the node over, looks up what it is to do, and welcomes it. Never rejects. */
  async open(hello: ParsedHello): Promise<void> {
    const { nodes, work, registry } = this.#deps;
    try {
      registry.claim(this, (nodeId, reason) => nodes.quarantine(nodeId, reason));
      const { end } = await nodes.hello(this, hello.report);
      // Its certificate was good when the stream began, which may be a while ago.
      if (end !== undefined) throw new AppError('unauthenticated', `the node was ${end}; enroll this machine anew`);
      if (this.#state.kind !== 'opening') return;
      const reconciliation = await work.opened(this, hello.report);
      if (this.#state.kind !== 'opening') return;
      this.outbox.push(welcome(this.#welcomeFacts(), reconciliation));
      const held = new Set(hello.report.held.map(({ attemptId }) => attemptId));
      this.outbox.complete(fitCompleteSet(reconciliation.complete, held));
      this.#state = { kind: 'established' };
      nodes.established(this);
      work.established(this);
    } catch (error) {
      this.fail(AppError.from(error, 'cannot open the session'));
    }
  }

  #welcomeFacts(): Parameters<typeof welcome>[0] {
    const { settings, storeEpoch, clock } = this.#deps;
    return {
      sessionId: this.id,
      storeEpoch,
      heartbeatPeriodMs: settings.heartbeatPeriodMs,
      serverTimeMs: clock.nowMs(),
      log: settings.log,
      nodeId: this.nodeId,
      nodeName: this.nodeName,
      orchestratorVersion: musterVersion,
    };
  }

  /**
   * Takes a frame whose sequence is right. Returns what to wait for before the next is read, mostly nothing.
   * @throws AppError that ends the stream
   */
  receive(frame: ConnectRequest): Promise<void> | undefined {
    if (this.ended) return undefined;
    this.#heardAtMs = this.#deps.clock.monotonicMs();
    this.#deps.nodes.heard(this);
    if (frame.message.case === 'goodbye') {
      this.#drain('agent');
      if (frame.message.value.reason === GoodbyeReason.SHUTDOWN) this.#deps.nodes.left(this);
      return undefined;
    }
    if (this.#state.kind === 'opening') {
      throw new AppError('failed_precondition', 'nothing may be sent between hello and welcome');
    }
    return routeFrame(this.#deps, this, frame);
  }

  assign(change: AssignmentChange): void {
    if (!this.ended) this.outbox.change(change);
  }

  ackStatus(attemptId: AttemptId, state: AttemptState['kind']): void {
    if (this.#mayAnswer) this.outbox.status({ attemptId, state });
  }

  forget(attemptIds: readonly AttemptId[]): void {
    if (!this.ended) this.outbox.forget(attemptIds);
  }

  ackLog(position: LogPosition, beyondDropped = false): void {
    if (beyondDropped) this.#windows?.dropped(position);
    else this.#windows?.acknowledged(position, position.nextOffsetBytes);
    if (this.#mayAnswer) this.outbox.logAck(position);
  }

  end(reason: EndReason, message: string, retryAfterMs?: number): void {
    if (this.#state.kind === 'closed') return;
    const farewell = goodbye(reason, message, retryAfterMs);
    if (reason === 'superseded') {
      this.outbox.last(farewell);
      this.fail(new AppError('aborted', message));
      return;
    }
    this.#drain('us');
    this.outbox.push(farewell);
    this.outbox.close();
  }

  sweep(nowMonotonicMs: number): void {
    const state = this.#state;
    const stalledMs = this.outbox.stalledMs(nowMonotonicMs);
    if (stalledMs > STALLED_PERIODS * this.#deps.settings.heartbeatPeriodMs) {
      this.fail(new AppError('resource_exhausted', `the node has read nothing for ${Math.round(stalledMs / 1000)} s`));
    } else if (state.kind === 'draining' && nowMonotonicMs - state.sinceMs > DRAIN_MS) {
      this.fail(new AppError('deadline_exceeded', `the stream was not ended within ${DRAIN_MS / 1000} s of goodbye`));
    }
  }

  /** The agent has closed its half: what is held is sent, and ours is closed. */
  peerClosed(): void {
    this.#drain('agent');
    this.outbox.close();
  }

  /** Ends the stream with a failure that the agent is told. */
  fail(reason: AppError): void {
    if (this.#state.kind === 'closed') return;
    this.over(reason);
    this.#channel.abort(reason);
  }

  /** The stream is over, for whatever reason. Repeating it changes nothing. */
  over(reason: AppError | undefined): void {
    if (this.#state.kind === 'closed') return;
    const counted = !this.ended;
    this.#state = { kind: 'closed' };
    this.#deps.registry.release(this);
    this.outbox.discard();
    const why = reason === undefined ? 'closed' : errorChain(reason);
    this.#deps.logger.info({ nodeId: this.nodeId, session: this.id, address: this.address, why }, 'session ended');
    if (counted) this.#tellClosed();
  }

  #drain(by: 'agent' | 'us'): void {
    if (this.ended) return;
    this.#state = { kind: 'draining', by, sinceMs: this.#deps.clock.monotonicMs() };
    this.#tellClosed();
  }

  #tellClosed(): void {
    this.#deps.work.closed(this);
    this.#deps.nodes.closed(this);
  }

  /** After the agent's goodbye what became durable is still worth telling; after ours nothing is. */
  get #mayAnswer(): boolean {
    return !this.ended || (this.#state.kind === 'draining' && this.#state.by === 'agent');
  }
}
