/**
 * The agent's end of a session without an agent: sends what a test says, frame by frame, and records what comes. For
 * tests of the orchestrator's side of the protocol over real mTLS, also of what no honest agent would send.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream } from '@grpc/grpc-js';
import { AppError } from '@muster/common/errors/app-error';
import { agentChannelOptions } from '@muster/common/grpc/channel-options';
import { clientFrameChannel, type FrameChannel } from '@muster/common/grpc/frame-channel';
import { methodDefinition } from '@muster/common/grpc/service-definition';
import { agentChannelSecurity } from '@muster/common/tls/agent-credentials';
import type { TlsIdentity } from '@muster/common/tls/tls-files';
import {
  AgentService,
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
} from '@muster/gen/muster/agent/v1/agent_service_pb';
import { HelloSchema } from '@muster/gen/muster/agent/v1/session_pb';
import { eventually } from './eventually.ts';

/** A frame's message, as `create` takes it. */
export type AgentMessage = NonNullable<MessageInitShape<typeof ConnectRequestSchema>['message']>;
/** What an orchestrator's frame may say. */
export type OrchestratorCase = Exclude<ConnectResponse['message']['case'], undefined>;
type Said = Exclude<ConnectResponse['message'], { case: undefined }>;
type ValueOf = { readonly [Each in Said as Each['case']]: Each['value'] };
type HelloParts = Exclude<MessageInitShape<typeof HelloSchema>, { $typeName: string }>;

/** Where to connect and as whom. */
export interface RawAgentOptions {
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly identity: TlsIdentity;
}

/** What hello says unless a test says otherwise. */
export function helloMessage(parts: HelloParts = {}): AgentMessage {
  const defaults = {
    ledgerId: '01arz3ndektsv4rrffq69g5fa1',
    bootId: 'boot-1',
    processId: '01arz3ndektsv4rrffq69g5fa2',
    machineIdHash: 'ab'.repeat(32),
    agentVersion: '0.1.0',
    fingerprint: { drivers: ['script', 'process'] },
  };
  return { case: 'hello', value: create(HelloSchema, { ...defaults, ...parts }) };
}

/** A scripted agent; closes with `await using`. */
export class RawAgent implements AsyncDisposable {
  /** Frames that came, oldest first. */
  readonly received: ConnectResponse[] = [];
  /** The stream's end: undefined for status OK. Never rejects. */
  readonly over: Promise<AppError | undefined>;
  readonly #client: Client;
  readonly #channel: FrameChannel<ConnectResponse, ConnectRequest>;
  #sequence = 0n;
  #ended = false;
  #paused = Promise.withResolvers<void>();

  private constructor(client: Client, stream: ClientDuplexStream<ConnectRequest, ConnectResponse>) {
    this.#client = client;
    this.#channel = clientFrameChannel(stream);
    this.#paused.resolve();
    this.over = this.#read();
  }

  /** Opens a stream. A refused connection shows in `over`. */
  static connect(options: RawAgentOptions): RawAgent {
    const address = `${options.host ?? '127.0.0.1'}:${options.port}`;
    const security = agentChannelSecurity(options.identity, address);
    const client = new Client(address, security.credentials, { ...agentChannelOptions, ...security.options });
    const method = methodDefinition(AgentService.method.connect);
    return new RawAgent(
      client,
      client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize),
    );
  }

  /** Opens a stream, says hello and returns when welcome and the COMPLETE set are here. */
  static async welcomed(options: RawAgentOptions, hello?: HelloParts): Promise<RawAgent> {
    const agent = RawAgent.connect(options);
    await agent.send(helloMessage(hello));
    await agent.next('assignments');
    return agent;
  }

  /** Whether the stream is over. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Sends a message with the sequence that is due; returns that sequence. */
  async send(message: AgentMessage): Promise<bigint> {
    this.#sequence += 1n;
    await this.#channel.send(create(ConnectRequestSchema, { sequence: this.#sequence, message }));
    return this.#sequence;
  }

  /** Sends a frame as it is, with a wrong sequence or no message. */
  sendFrame(frame: MessageInitShape<typeof ConnectRequestSchema>): Promise<void> {
    return this.#channel.send(create(ConnectRequestSchema, frame));
  }

  /** Waits for the `nth` frame that says `wanted`, counted from 1 over the whole session; returns what it says. */
  async next<Case extends OrchestratorCase>(wanted: Case, nth = 1): Promise<ValueOf[Case]> {
    await eventually(() => this.all(wanted).length >= nth, { what: `${wanted} number ${nth}` });
    const found = this.all(wanted)[nth - 1];
    if (found === undefined) throw new Error('frames are never taken back');
    return found;
  }

  /** What all frames so far that say `wanted` say. */
  all<Case extends OrchestratorCase>(wanted: Case): ValueOf[Case][] {
    const values: ValueOf[Case][] = [];
    for (const { message } of this.received) if (says(message, wanted)) values.push(message.value);
    return values;
  }

  /** Reads nothing more until `resume`; what fits into the windows still comes over the network. */
  pause(): void {
    this.#paused = Promise.withResolvers<void>();
  }

  /** Reads on. */
  resume(): void {
    this.#paused.resolve();
  }

  /** Closes our half. */
  halfClose(): void {
    this.#channel.close();
  }

  /** Breaks the stream off without a word. */
  cut(): void {
    this.#paused.resolve();
    this.#channel.abort(new AppError('cancelled', 'cut by the test'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.cut();
    await this.over;
    this.#client.close();
  }

  async #read(): Promise<AppError | undefined> {
    try {
      for await (const frame of this.#channel.frames) {
        this.received.push(frame);
        await this.#paused.promise;
      }
      return await this.#channel.closed;
    } catch (error) {
      return AppError.from(error);
    } finally {
      this.#ended = true;
    }
  }
}

function says<Case extends OrchestratorCase>(
  message: { readonly case: string | undefined; readonly value?: unknown },
  wanted: Case,
): message is { readonly case: Case; readonly value: ValueOf[Case] } {
  return message.case === wanted;
}
