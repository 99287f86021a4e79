/**
 * One stream's life, from hello to the goodbye of either side. It owns the sequence numbers, the state and the loops of
 * the session; everything else is behind the ports. Reading never waits for work, writing has one writer.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Clock, withDeadline } from '@muster/common/clock/clock';
import { AppError } from '@muster/common/errors/app-error';
import type { FrameChannel } from '@muster/common/grpc/frame-channel';
import type { Logger } from '@muster/common/logging/logger';
import { Latest } from '@muster/common/queue/latest';
import type { Random } from '@muster/common/random/random';
import { musterVersion } from '@muster/common/version/version';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
} from '@muster/gen/muster/agent/v1/agent_service_pb';
import { AssignmentReplySchema, type Assignments, type Change } from '@muster/gen/muster/agent/v1/assignment_pb';
import {
  GoodbyeReason,
  GoodbyeSchema,
  HeartbeatSchema,
  HelloSchema,
  type Settings,
  UnsupportedSchema,
  type Welcome,
} from '@muster/gen/muster/agent/v1/session_pb';
import { type Fingerprint, FingerprintSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { appliedRevision, applyAssignments } from '../assignments/assignment-set.ts';
import { type FrameHandlers, routeFrame } from './frame-router.ts';
import { runHeartbeatLoop } from './heartbeat-loop.ts';
import { type OutboundMessage, Outbox } from './outbox.ts';
import type { SessionEnd } from './session-end.ts';
import type {
  EpochPort,
  FingerprintPort,
  HelloFacts,
  LogPort,
  OfferReply,
  StatusPort,
  WorkPort,
} from './session-ports.ts';
import { admit, type SessionState, setOf } from './session-state.ts';

/** What sessions need; the same for all of them. */
export interface SessionDeps {
  readonly facts: HelloFacts;
  readonly work: WorkPort;
  readonly logs: LogPort;
  readonly statuses: StatusPort;
  readonly epochs: EpochPort;
  readonly fingerprints: FingerprintPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

type Channel = FrameChannel<ConnectResponse, ConnectRequest>;

/** The orchestrator answers hello from memory and its store; a connection is made within the same time. */
const WELCOME_WITHIN_MS = 30_000;
/** For our goodbye to leave and the other side to close. An agent that ends waits no longer. */
const FAREWELL_MS = 2_000;
/** Taken where welcome names no period. */
const DEFAULT_PERIOD_MS = 10_000;

/** Runs a session on a fresh stream. Aborting says goodbye(SHUTDOWN). Rejects only for a defect of ours. */
export async function runSession(
  deps: SessionDeps,
  channel: Channel,
  healthy: () => void,
  signal: AbortSignal,
): Promise<SessionEnd> {
  using session = new Session(deps, channel, healthy);
  return await session.run(signal);
}

class Session implements FrameHandlers, Disposable {
  readonly #deps: SessionDeps;
  readonly #channel: Channel;
  readonly #healthy: () => void;
  readonly #outbox: Outbox;
  readonly #over = new AbortController();
  readonly #decided = Promise.withResolvers<SessionEnd>();
  readonly #loops: Promise<void>[] = [];
  readonly #periodMs = new Latest(DEFAULT_PERIOD_MS);
  #state: SessionState = { kind: 'connecting' };
  #sent = 0n;
  #received = 0n;
  #lastAckMs: number | undefined;
  #sentFingerprint: Uint8Array = new Uint8Array();

  constructor(deps: SessionDeps, channel: Channel, healthy: () => void) {
    this.#deps = deps;
    this.#channel = channel;
    this.#healthy = healthy;
    this.#outbox = new Outbox(deps.statuses);
  }

  async run(signal: AbortSignal): Promise<SessionEnd> {
    const onAbort = (): void => this.#decide({ kind: 'stopped' });
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    using _welcomeDeadline = this.#deps.clock.schedule(WELCOME_WITHIN_MS, () => this.#checkWelcomed());
    const reading = this.#guard(() => this.#read());
    this.#start(() => this.#sendHello());
    const end = await this.#decided.promise;
    signal.removeEventListener('abort', onAbort);
    this.#deps.work.sessionEnded();
    await this.#farewell(end, reading);
    return end;
  }

  [Symbol.dispose](): void {
    this.#outbox[Symbol.dispose]();
  }

  /** The first reason counts. */
  #decide(end: SessionEnd): void {
    if (this.#state.kind === 'closing') return;
    this.#state = { kind: 'closing', end };
    this.#over.abort(new AppError('cancelled', 'the session is over'));
    this.#decided.resolve(end);
  }

  #leave(reason: GoodbyeReason, message: string): void {
    this.#decide({ kind: 'we_left', reason, message });
  }

  #broken(failure: AppError): void {
    this.#decide({ kind: 'broken', failure });
  }

  /** Starts a loop that ends with the session; its failure ends the session. */
  #start(loop: (signal: AbortSignal) => Promise<void>): void {
    this.#loops.push(this.#guard(() => loop(this.#over.signal)));
  }

  async #guard(activity: () => Promise<void>): Promise<void> {
    try {
      await activity();
    } catch (error) {
      if (!this.#over.signal.aborted) this.#broken(AppError.from(error, 'the session failed'));
    }
  }

  #checkWelcomed(): void {
    if (this.#state.kind !== 'connecting' && this.#state.kind !== 'awaiting_welcome') return;
    this.#broken(new AppError('deadline_exceeded', `no welcome within ${WELCOME_WITHIN_MS} ms`));
  }

  async #sendHello(): Promise<void> {
    const { facts, fingerprints, epochs, work } = this.#deps;
    const { fingerprint } = fingerprints;
    this.#sentFingerprint = toBinary(FingerprintSchema, fingerprint);
    const hello = create(HelloSchema, {
      ...facts,
      labels: { ...facts.labels },
      highestStoreEpoch: epochs.highestStoreEpoch,
      agentVersion: musterVersion,
      fingerprint,
      attempts: [...work.held()],
    });
    if (this.#state.kind === 'connecting') this.#state = { kind: 'awaiting_welcome' };
    await this.#send({ case: 'hello', value: hello });
  }

  #send(message: OutboundMessage): Promise<void> {
    this.#sent += 1n;
    return this.#channel.send(create(ConnectRequestSchema, { sequence: this.#sent, message }));
  }

  async #read(): Promise<void> {
    for await (const frame of this.#channel.frames) {
      if (frame.sequence !== this.#received + 1n) {
        const text = `frame ${frame.sequence} came after ${this.#received}`;
        this.#broken(new AppError('failed_precondition', text));
      }
      this.#received = frame.sequence;
      const admission = admit(this.#state, frame.message.case);
      if (admission.kind === 'violation') this.#broken(new AppError('failed_precondition', admission.message));
      if (admission.kind === 'route') await routeFrame(frame, this);
    }
    this.#broken(new AppError('unavailable', 'the orchestrator closed the stream'));
  }

  async #write(signal: AbortSignal): Promise<void> {
    for (;;) await this.#send(await this.#outbox.take(signal));
  }

  async welcome(welcome: Welcome): Promise<void> {
    const { epochs, logs, work, logger, clock, random } = this.#deps;
    if (welcome.storeEpoch < epochs.highestStoreEpoch) {
      const seen = epochs.highestStoreEpoch;
      const text = `the orchestrator's store is an old copy: its epoch is ${welcome.storeEpoch}, this node has seen ${seen}`;
      this.#leave(GoodbyeReason.EPOCH_BACKWARDS, text);
      return;
    }
    await this.#keepEpoch(welcome.storeEpoch);
    if (this.#over.signal.aborted) return;
    this.#state = { kind: 'awaiting_complete', sessionId: welcome.sessionId };
    logger.debug({ session: welcome.sessionId, node: welcome.nodeName }, 'welcome');
    this.#setPeriod(welcome.heartbeatPeriod);
    logs.open(
      welcome.log,
      welcome.verdicts.flatMap((each) => each.acks),
    );
    for (const verdict of welcome.verdicts) work.verdict(verdict);
    this.#start((signal) => this.#write(signal));
    this.#start(async (signal) => {
      const beat = (): void => this.#beat();
      const lastAckMs = (): number | undefined => this.#lastAckMs;
      await runHeartbeatLoop({ clock, random, periodMs: this.#periodMs, lastAckMs, beat }, signal);
      this.#leave(GoodbyeReason.DEAF, 'no heartbeat_ack for three periods');
    });
    this.#start((signal) => logs.ship((frame) => this.#outbox.log(frame, signal), signal));
    this.#start((signal) => this.#reportCapabilities(signal));
  }

  async #keepEpoch(epoch: bigint): Promise<void> {
    try {
      await this.#deps.epochs.recordStoreEpoch(epoch);
    } catch (error) {
      // Going on is right: the epoch guards against old copies of the store, a full disk here is no sign of one.
      this.#deps.logger.error({ reason: AppError.from(error).message }, 'cannot keep the store epoch');
    }
  }

  #setPeriod(period: Welcome['heartbeatPeriod']): void {
    const periodMs = period === undefined ? 0 : durationMs(period);
    if (periodMs > 0) this.#periodMs.set(periodMs);
  }

  #beat(): void {
    const usage = this.#deps.fingerprints.usage();
    const heartbeat = create(HeartbeatSchema, { appliedRevision: appliedRevision(setOf(this.#state)), usage });
    this.#outbox.answer({ case: 'heartbeat', value: heartbeat });
  }

  async #reportCapabilities(signal: AbortSignal): Promise<void> {
    const { fingerprints } = this.#deps;
    this.#reportIfNew(fingerprints.fingerprint);
    for await (const fingerprint of fingerprints.changes(signal)) this.#reportIfNew(fingerprint);
  }

  #reportIfNew(fingerprint: Fingerprint): void {
    const bytes = toBinary(FingerprintSchema, fingerprint);
    if (Buffer.compare(bytes, this.#sentFingerprint) === 0) return;
    this.#sentFingerprint = bytes;
    this.#outbox.answer({
      case: 'capabilityReport',
      value: { $typeName: 'muster.agent.v1.CapabilityReport', fingerprint },
    });
  }

  heartbeatAck(): void {
    if (this.#lastAckMs === undefined) this.#healthy();
    this.#lastAckMs = this.#deps.clock.monotonicMs();
  }

  assignments(frame: Assignments): void {
    if (this.#state.kind !== 'awaiting_complete' && this.#state.kind !== 'established') return;
    const applied = applyAssignments(setOf(this.#state), frame);
    if (applied.kind === 'gap') {
      this.#leave(GoodbyeReason.REVISION_GAP, applied.message);
      return;
    }
    this.#state = { kind: 'established', sessionId: this.#state.sessionId, set: applied.set };
    if (applied.kind === 'complete') this.#deps.work.complete(applied.assignments);
    else for (const change of applied.changes) this.#applyChange(change);
  }

  #applyChange({ change }: Change): void {
    const { work } = this.#deps;
    switch (change.case) {
      case 'offer':
        if (change.value.assignment === undefined) return;
        this.#offer(change.value.assignment.attemptId, (reply) => {
          if (change.value.assignment !== undefined) work.offer(change.value.assignment, reply);
        });
        return;
      case 'withdraw':
        work.withdraw(change.value.attemptId);
        return;
      case 'start':
        if (work.start(change.value.attemptId) === 'known') return;
        // The next session's COMPLETE set brings the assignment along.
        this.#leave(
          GoodbyeReason.REVISION_GAP,
          `attempt ${change.value.attemptId} is to start but was not offered here`,
        );
        return;
      case 'stop':
        work.stop(change.value.attemptId, change.value.stoppedBy);
        return;
      case undefined:
        this.#deps.logger.warn('a change of a kind that this version does not know was passed over');
    }
  }

  #offer(attemptId: string, ask: (reply: (reply: OfferReply) => void) => void): void {
    ask((reply) => {
      if (this.#over.signal.aborted) return;
      const answer =
        reply.kind === 'accepted'
          ? ({ case: 'accepted', value: {} } as const)
          : ({ case: 'refused', value: reply.refused } as const);
      const value = create(AssignmentReplySchema, { attemptId, reply: answer });
      this.#outbox.answer({ case: 'assignmentReply', value });
    });
  }

  statusAck(ack: Parameters<FrameHandlers['statusAck']>[0]): void {
    for (const { attemptId, state } of ack.statuses) this.#deps.statuses.acked(attemptId, state);
  }

  forget(forget: Parameters<FrameHandlers['forget']>[0]): void {
    this.#deps.work.forget(forget.attemptIds);
  }

  logAck(ack: Parameters<FrameHandlers['logAck']>[0]): void {
    this.#deps.logs.ack(ack);
  }

  drain(drain: Parameters<FrameHandlers['drain']>[0]): void {
    this.#deps.work.setDraining(drain.draining);
  }

  settings(settings: Settings): void {
    this.#setPeriod(settings.heartbeatPeriod);
    if (settings.log !== undefined) this.#deps.logs.configure(settings.log);
  }

  goodbye(goodbye: Parameters<FrameHandlers['goodbye']>[0]): void {
    const { reason, message } = goodbye;
    const retryAfterMs = goodbye.retryAfter === undefined ? undefined : durationMs(goodbye.retryAfter);
    this.#decide({ kind: 'they_left', reason, message, retryAfterMs });
  }

  unsupported(sequence: bigint): void {
    this.#deps.logger.warn(
      { sequence },
      'the orchestrator did not understand a frame; it may be older than this agent',
    );
  }

  unknown(sequence: bigint): void {
    this.#outbox.answer({ case: 'unsupported', value: create(UnsupportedSchema, { sequence }) });
  }

  /**
   * Waits for the loops, says goodbye where that is ours to say, half-closes, and reads until the other side has closed
   * too. The time limit is over all of it: the writer may wait for another side that takes nothing any more.
   */
  async #farewell(end: SessionEnd, reading: Promise<void>): Promise<void> {
    using limit = withDeadline(this.#deps.clock, FAREWELL_MS, new AbortController().signal);
    const giveUp = (): void => this.#channel.abort(new AppError('cancelled', 'the session is over'));
    limit.signal.addEventListener('abort', giveUp, { once: true });
    if (end.kind === 'broken') giveUp();
    await Promise.all(this.#loops);
    if (end.kind !== 'broken') {
      await this.#sayGoodbye(end);
      this.#channel.close();
    }
    await reading;
  }

  async #sayGoodbye(end: SessionEnd): Promise<void> {
    if (end.kind === 'they_left' || end.kind === 'broken') return;
    const [reason, message] =
      end.kind === 'we_left' ? [end.reason, end.message] : [GoodbyeReason.SHUTDOWN, 'the agent ends'];
    try {
      await this.#send({ case: 'goodbye', value: create(GoodbyeSchema, { reason, message }) });
    } catch {
      // The stream is over already: there is nobody to say it to.
    }
  }
}
