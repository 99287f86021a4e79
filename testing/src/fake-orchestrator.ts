/**
 * The orchestrator's end of the agent door, scripted by a test: a real grpc-js server over mutual TLS. It answers nothing
 * by itself; each session hands out what the agent sent and sends what the test says.
 */
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type handleBidiStreamingCall, Server } from '@grpc/grpc-js';
import type { AppError } from '@muster/common/errors/app-error';
import { agentDoorServerOptions, RECEIVE_WINDOW_BYTES } from '@muster/common/grpc/channel-options';
import { type FrameChannel, serverFrameChannel } from '@muster/common/grpc/frame-channel';
import { applyReceiveWindow } from '@muster/common/grpc/receive-window';
import { serviceDefinition } from '@muster/common/grpc/service-definition';
import { BoundedQueue } from '@muster/common/queue/bounded-queue';
import { agentDoorServerCredentials } from '@muster/common/tls/agent-credentials';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import {
  AgentService,
  type ConnectRequest,
  type ConnectResponse,
  ConnectResponseSchema,
} from '@muster/gen/muster/agent/v1/agent_service_pb';
import type { AssignmentSchema, ChangeSchema } from '@muster/gen/muster/agent/v1/assignment_pb';
import type { Hello, WelcomeSchema } from '@muster/gen/muster/agent/v1/session_pb';
import { eventually } from './eventually.ts';

type Known = Extract<ConnectRequest['message'], { readonly case: string }>;
/** What each frame from the agent holds, by its name. */
type FrameValues = { readonly [Each in Known as Each['case']]: Each['value'] };
/** What a frame from the agent says, by name. */
export type FrameName = keyof FrameValues;
/** What a frame of that name holds. */
export type FrameOf<Name extends FrameName> = FrameValues[Name];
/** The fields of a message, as a test writes them. */
export type Init<Schema extends DescMessage> = Extract<MessageInitShape<Schema>, { readonly $typeName?: never }>;
/** What a frame to the agent says. */
export type Outbound = MessageInitShape<typeof ConnectResponseSchema>['message'];

/** One stream that an agent opened. */
export interface FakeSession {
  /** Every frame so far, hello included. */
  readonly frames: readonly ConnectRequest[];
  readonly channel: FrameChannel<ConnectRequest, ConnectResponse>;
  /** Whether the agent has closed its half or is gone. */
  readonly over: boolean;
  /** Called with each frame, in order. */
  onFrame: (frame: ConnectRequest) => void;
  hello(): Promise<Hello>;
  /** All frames of a kind so far. */
  all<Name extends FrameName>(name: Name): FrameOf<Name>[];
  /** The first frame of a kind that fits, waiting for it. */
  next<Name extends FrameName>(name: Name, fits?: (value: FrameOf<Name>) => boolean): Promise<FrameOf<Name>>;
  /** Sends with the next sequence, or the one given. */
  send(message: Outbound, sequence?: bigint): Promise<void>;
  /** Welcome with a period of 200 ms, unless told otherwise. */
  welcome(init?: Init<typeof WelcomeSchema>): Promise<void>;
  /** The COMPLETE set, as revision 1. */
  complete(assignments?: readonly Init<typeof AssignmentSchema>[]): Promise<void>;
  /** Changes as the next revision. */
  change(...changes: Init<typeof ChangeSchema>['change'][]): Promise<void>;
  /** Answers heartbeats from now on. */
  answerHeartbeats(): void;
  /** Ends the stream with OK, or with a failure. */
  close(reason?: AppError): void;
}

/** The server. */
export interface FakeOrchestrator extends AsyncDisposable {
  readonly port: number;
  readonly address: string;
  /** Sessions in the order of their opening. */
  readonly sessions: readonly FakeSession[];
  /** The next session that nobody has taken yet. */
  accept(): Promise<FakeSession>;
}

/** More streams than any test opens. */
const MOST_SESSIONS = 1_000;

/** Starts one on a free port of 127.0.0.1, or the one given. */
export async function fakeOrchestrator(identity: TlsIdentity, port = 0): Promise<FakeOrchestrator> {
  const sessions: FakeSession[] = [];
  const waiting = new BoundedQueue<FakeSession>({ capacity: MOST_SESSIONS, overflow: 'reject' });
  const server = new Server(agentDoorServerOptions);
  const connect: handleBidiStreamingCall<ConnectRequest, ConnectResponse> = (call) => {
    const session = new Scripted(serverFrameChannel(call, { report: () => 'test' }));
    sessions.push(session);
    waiting.offer(session);
  };
  server.addService(serviceDefinition(AgentService), { connect });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, agentDoorServerCredentials(identity), (error, at) =>
      error === null ? resolve(at) : reject(error),
    );
  });
  applyReceiveWindow(server, RECEIVE_WINDOW_BYTES);
  return {
    port: bound,
    address: `localhost:${bound}`,
    sessions,
    async accept() {
      const taken = await waiting.take();
      if (taken.done) throw new Error('the fake orchestrator is closed');
      return taken.item;
    },
    [Symbol.asyncDispose]: async () => {
      waiting.close();
      server.forceShutdown();
    },
  };
}

class Scripted implements FakeSession {
  readonly frames: ConnectRequest[] = [];
  readonly channel: FrameChannel<ConnectRequest, ConnectResponse>;
  onFrame: (frame: ConnectRequest) => void = () => {};
  over = false;
  #sequence = 0n;
  #revision = 0n;
  #answering = false;

  constructor(channel: FrameChannel<ConnectRequest, ConnectResponse>) {
    this.channel = channel;
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      for await (const frame of this.channel.frames) {
        this.frames.push(frame);
        if (this.#answering && frame.message.case === 'heartbeat') this.#ack(frame.sequence);
        this.onFrame(frame);
        // As the orchestrator does: the agent's goodbye is answered by closing our half.
        if (frame.message.case === 'goodbye') this.channel.close();
      }
    } catch {
      // how a stream ends is seen by `over`
    }
    this.over = true;
  }

  async hello(): Promise<Hello> {
    return await this.next('hello');
  }

  all<Name extends FrameName>(name: Name): FrameOf<Name>[] {
    const found: FrameOf<Name>[] = [];
    for (const frame of this.frames) {
      const message: { readonly case?: unknown; readonly value?: unknown } = frame.message;
      if (isCase(message, name)) found.push(message.value);
    }
    return found;
  }

  async next<Name extends FrameName>(
    name: Name,
    fits: (value: FrameOf<Name>) => boolean = () => true,
  ): Promise<FrameOf<Name>> {
    await eventually(() => this.all(name).some(fits), { what: `a ${name} frame`, withinMs: 8_000 });
    const found = this.all(name).find(fits);
    if (found === undefined) throw new Error(`the ${name} frame is gone`);
    return found;
  }

  async send(message: Outbound, sequence?: bigint): Promise<void> {
    this.#sequence = sequence ?? this.#sequence + 1n;
    await this.channel.send(
      create(ConnectResponseSchema, { sequence: this.#sequence, message: message ?? { case: undefined } }),
    );
  }

  async welcome(init: Init<typeof WelcomeSchema> = {}): Promise<void> {
    await this.hello();
    const basics = { sessionId: '01jczzzzzzzzzzzzzzzzzzzzzz', storeEpoch: 1n, heartbeatPeriod: durationFromMs(200) };
    await this.send({ case: 'welcome', value: { ...basics, ...init } });
  }

  async complete(assignments: readonly Init<typeof AssignmentSchema>[] = []): Promise<void> {
    this.#revision = 1n;
    await this.send({
      case: 'assignments',
      value: { revision: 1n, set: { case: 'complete', value: { assignments: [...assignments] } } },
    });
  }

  async change(...changes: Init<typeof ChangeSchema>['change'][]): Promise<void> {
    const followsRevision = this.#revision;
    this.#revision += 1n;
    const list = changes.flatMap((change) => (change === undefined ? [] : [{ change }]));
    await this.send({
      case: 'assignments',
      value: { revision: this.#revision, set: { case: 'changes', value: { followsRevision, changes: list } } },
    });
  }

  answerHeartbeats(): void {
    this.#answering = true;
    for (const frame of this.frames) if (frame.message.case === 'heartbeat') this.#ack(frame.sequence);
  }

  close(reason?: AppError): void {
    if (reason === undefined) this.channel.close();
    else this.channel.abort(reason);
  }

  #ack(heartbeatSequence: bigint): void {
    this.send({ case: 'heartbeatAck', value: { heartbeatSequence } }).catch(() => {});
  }
}

function isCase<Name extends FrameName>(
  message: { readonly case?: unknown; readonly value?: unknown },
  name: Name,
): message is { readonly case: Name; readonly value: FrameOf<Name> } {
  return message.case === name;
}
