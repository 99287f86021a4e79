/**
 * One stream of an agent, from its opening to its end: who it is (by its certificate), hello within 10 s, then frames in
 * their order. Never rejects: a handler of grpc-js that rejects ends the process.
 */
import type { PeerCertificate } from 'node:tls';
import { AppError } from '@muster/common/errors/app-error';
import { fingerprintOfDer } from '@muster/common/tls/fingerprint';
import { nodeIdentityOfSubject } from '@muster/common/tls/node-identity';
import type { ConnectRequest } from '@muster/gen/muster/agent/v1/agent_service_pb';
import { parseHello } from '../wire/agent-frames-in.ts';
import { LiveSession, type Peer } from './live-session.ts';
import type { AgentChannel } from './outbox.ts';
import type { SessionDeps } from './session-deps.ts';

/** An agent says hello at once; ten seconds are a lost packet or three on a bad line. */
const HELLO_WITHIN_MS = 10_000;

/** What the connection says of the other end. */
export interface PeerFacts {
  /** The verified certificate; undefined where there is none. */
  readonly certificate: Pick<PeerCertificate, 'raw' | 'subjectaltname'> | undefined;
  readonly address: string;
}

/** Serves a stream until it is over. */
export async function serveAgent(deps: SessionDeps, channel: AgentChannel, facts: PeerFacts): Promise<void> {
  const deadline = deps.clock.schedule(HELLO_WITHIN_MS, () => {
    channel.abort(new AppError('deadline_exceeded', `no hello within ${HELLO_WITHIN_MS / 1000} s`));
  });
  let session: LiveSession | undefined;
  try {
    const peer = await identify(deps, facts);
    let expected = 1n;
    for await (const frame of channel.frames) {
      requireSequence(frame, expected);
      expected += 1n;
      if (session === undefined) {
        deadline[Symbol.dispose]();
        session = begin(deps, channel, peer, frame);
      } else {
        const wait = session.receive(frame);
        if (wait !== undefined) await wait;
      }
    }
    if (session === undefined) channel.close();
    session?.peerClosed();
    session?.over(await channel.closed);
  } catch (error) {
    const reason = AppError.from(error, 'the stream broke');
    if (session === undefined) deps.logger.info({ address: facts.address, reason: reason.message }, 'agent refused');
    if (session === undefined) channel.abort(reason);
    else session.fail(reason);
  } finally {
    deadline[Symbol.dispose]();
  }
}

/**
 * The node that the certificate belongs to.
 * @throws AppError unauthenticated: no certificate of ours, or one that the store does not know, or no longer accepts
 */
async function identify(deps: SessionDeps, { certificate, address }: PeerFacts): Promise<Peer> {
  if (certificate === undefined || !(certificate.raw instanceof Uint8Array)) {
    throw new AppError('unauthenticated', 'a client certificate is needed; enroll this machine first');
  }
  const { nodeId } = nodeIdentityOfSubject(certificate.subjectaltname);
  const node = await deps.nodes.identify(fingerprintOfDer(certificate.raw));
  if (node === undefined || node.id !== nodeId) {
    throw new AppError('unauthenticated', 'the certificate is not accepted (any more); enroll this machine anew');
  }
  return { nodeId: node.id, nodeName: node.name, address };
}

function begin(deps: SessionDeps, channel: AgentChannel, peer: Peer, frame: ConnectRequest): LiveSession {
  if (frame.message.case !== 'hello') {
    throw new AppError('failed_precondition', `the first frame must be hello, not ${frame.message.case ?? 'unknown'}`);
  }
  const hello = parseHello(frame.message.value);
  const session = new LiveSession(deps, channel, peer, hello);
  const { id, nodeId, nodeName, address } = session;
  deps.logger.info({ nodeId, nodeName, address, session: id, version: hello.report.agentVersion }, 'hello');
  // Runs beside the reading, so that a frame before welcome is noticed; it never rejects.
  session.open(hello).catch((error: unknown) => session.fail(AppError.from(error)));
  return session;
}

function requireSequence(frame: ConnectRequest, expected: bigint): void {
  if (frame.sequence === expected) return;
  throw new AppError('failed_precondition', `frame ${frame.sequence} came where ${expected} was due`);
}
