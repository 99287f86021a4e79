/**
 * An agent that only lives: enrols with a key of its own, opens its session over mutual TLS, says hello with an ordinary
 * machine's fingerprint, and beats as welcome told it. To the orchestrator it is an agent like any other.
 */
import { randomBytes, webcrypto } from 'node:crypto';
import type { ClientHttp2Session } from 'node:http2';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { certificateRequest } from '@muster/agent/identity/csr';
import { keyAlgorithm } from '@muster/agent/identity/key-store';
import { systemClock } from '@muster/common/clock/clock';
import { makeIds } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { ConnectRequestSchema, ConnectResponseSchema } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { EnrollRequestSchema, EnrollResponseSchema } from '@muster/gen/muster/enrollment/v1/enrollment_service_pb';
import { callOnce, openSession, sendMessage, startCall } from './grpc-over-http2.ts';
import { ordinaryFingerprint } from './ordinary-fingerprint.ts';

/** What lets an agent open its session. */
export interface AgentIdentity {
  readonly name: string;
  readonly machineIdHash: string;
  /** Where its machine is: an address of 127.0.0.0/8. */
  readonly localAddress: string;
  /** The agent door. */
  readonly address: string;
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

const ids = makeIds(systemClock, systemRandom);
const enrollPath = '/muster.enrollment.v1.EnrollmentService/Enroll';
const connectPath = '/muster.agent.v1.AgentService/Connect';

/** Enrols as `name` over an open connection from `localAddress` to the control door. */
export async function enrol(
  control: ClientHttp2Session,
  {
    joinToken,
    name,
    localAddress,
  }: { readonly joinToken: string; readonly name: string; readonly localAddress: string },
): Promise<AgentIdentity> {
  const pair = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const machineIdHash = randomBytes(32).toString('hex');
  const request = create(EnrollRequestSchema, {
    joinToken,
    certificateRequest: await certificateRequest(pair),
    name,
    hostname: name,
    machineIdHash,
  });
  const answer = await callOnce(control, enrollPath, toBinary(EnrollRequestSchema, request));
  const { agentAddresses, certificatePem, caBundlePem } = fromBinary(EnrollResponseSchema, answer);
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey)).toString('base64');
  return {
    name,
    machineIdHash,
    localAddress,
    address: agentAddresses[0] ?? '',
    caPem: caBundlePem,
    certPem: certificatePem,
    keyPem: `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`,
  };
}

/** A session that lives as long as its process. */
export class SimulatedAgent {
  /** How many heartbeats were answered. */
  heartbeatsAnswered = 0;
  #sequence = 0n;
  #send: (message: MessageInitShape<typeof ConnectRequestSchema>['message']) => void = () => undefined;

  /** Opens the session; resolves on welcome. @throws Error where the session ended first; `onLost` hears of a later end */
  async open(identity: AgentIdentity, bootId: string, onLost: (reason: string) => void): Promise<void> {
    const { address, caPem, certPem, keyPem, localAddress } = identity;
    const session = await openSession(`https://${address}`, { ca: caPem, cert: certPem, key: keyPem, localAddress });
    await new Promise<void>((resolve, reject) => {
      const stream = startCall(
        session,
        connectPath,
        (message) => this.#take(message, resolve),
        (reason) => {
          reject(new Error(`${identity.name}: the session ended: ${reason}`));
          onLost(`${identity.name}: ${reason}`);
        },
      );
      this.#send = (message) => {
        this.#sequence += 1n;
        const frame = create(ConnectRequestSchema, { sequence: this.#sequence, ...(message && { message }) });
        sendMessage(stream, toBinary(ConnectRequestSchema, frame));
      };
      this.#send({ case: 'hello', value: hello(identity, bootId) });
    });
  }

  #take(bytes: Uint8Array, welcomed: () => void): void {
    const { message } = fromBinary(ConnectResponseSchema, bytes);
    if (message.case === 'heartbeatAck') this.heartbeatsAnswered += 1;
    if (message.case !== 'welcome') return;
    const periodMs = Number(message.value.heartbeatPeriod?.seconds ?? 10n) * 1000;
    this.#beat();
    // The first within the period at random, as a fleet that has lived for a while; no two beat together for long.
    setTimeout(() => setInterval(() => this.#beat(), periodMs), Math.random() * periodMs);
    welcomed();
  }

  #beat(): void {
    const usage = { cpuPermille: 120, memoryAvailableBytes: 12n << 30n, agentMemoryBytes: 80n << 20n };
    this.#send({ case: 'heartbeat', value: { appliedRevision: 1n, usage } });
  }
}

function hello(identity: AgentIdentity, bootId: string) {
  return {
    ledgerId: ids.next(),
    bootId,
    processId: ids.next(),
    machineIdHash: identity.machineIdHash,
    agentVersion: '0.1.0',
    fingerprint: ordinaryFingerprint(identity.name),
    labels: { region: 'eu-1', role: 'worker', rack: identity.name.slice(-2) },
  };
}
