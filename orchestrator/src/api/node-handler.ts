// Joins Node's server to Connect's handlers. Connect's own adapter throws into the event loop on a request without a usable
// host and prints failures to the console; a stranger must be able to cause neither.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { Code, ConnectError, type ConnectRouter, createContextValues } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { Clock } from '@muster/common/clock/clock';
import { grpcStatusOf } from '@muster/common/errors/codes';
import type { Logger } from '@muster/common/logging/logger';
import { addressKey } from './call-context.ts';

/** A request of HTTP/1.1 or HTTP/2. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
/** Its answer. */
export type NodeResponse = ServerResponse | Http2ServerResponse;
/** What a server calls for each request. */
export type NodeHandler = (request: NodeRequest, response: NodeResponse) => void;

/** Enough to read an answer while still writing; longer than that nobody writes into the void by mistake. */
const UNREAD_GRACE_MS = 1_000;
const NOTHING_HERE =
  'Nothing is here. This is the control door of Muster: use the muster command, grpcurl, or POST JSON to /SERVICE/METHOD.\n';

/** The handler of a router's methods. Paths of no method go to `elsewhere`; that is where a web page will be served. */
export function nodeHandler(
  router: ConnectRouter,
  deps: { readonly clock: Clock; readonly logger: Logger },
  elsewhere: NodeHandler = notHere,
): NodeHandler {
  const byPath = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    // Errors of the connection reach whoever reads or writes; without a listener they would end the process.
    request.on('error', ignore);
    response.on('error', ignore);
    if ('stream' in request) dropUnread(request, deps.clock);
    const handler = byPath.get(pathOf(request));
    if (handler === undefined) {
      elsewhere(request, response);
      return;
    }
    const universal = readable(request, response);
    if (universal === undefined) finish(response, 400, {}, '');
    else void answer(handler, universal, response, deps.logger);
  };
}

async function answer(
  handler: UniversalHandler,
  request: UniversalServerRequest,
  response: NodeResponse,
  logger: Logger,
): Promise<void> {
  try {
    await universalResponseToNodeResponse(await handler(request), response);
  } catch (error) {
    // The caller went away; its call has been logged where it ended.
    if (ConnectError.from(error).code !== Code.Aborted) {
      logger.debug({ method: handler.requestPath, err: error }, 'an answer did not arrive');
    }
    response.destroy();
  }
}

function readable(request: NodeRequest, response: NodeResponse): UniversalServerRequest | undefined {
  try {
    const values = createContextValues().set(addressKey, request.socket.remoteAddress ?? '');
    return universalRequestFromNodeRequest(request, response, undefined, values);
  } catch {
    return undefined;
  }
}

/**
 * Throws away what an HTTP/2 caller still sends once its answer is complete, and soon resets the stream. Node does neither: a
 * refused upload would keep its stream, and with it a part of the connection's window. (Resetting at once would be shorter,
 * but callers that are still writing then report the reset instead of the answer.)
 */
function dropUnread(request: Http2ServerRequest, clock: Clock): void {
  const { stream } = request;
  stream.once('wantTrailers', () => {
    if (stream.readableEnded) return;
    // Node's own listener would stop the flow as soon as the request, which nobody reads any more, is full.
    stream.removeAllListeners('data');
    stream.resume();
    const reset = clock.schedule(UNREAD_GRACE_MS, () => stream.close(constants.NGHTTP2_NO_ERROR));
    stream.once('close', () => reset[Symbol.dispose]());
  });
}

function pathOf(request: NodeRequest): string {
  return request.url?.split('?', 1)[0] ?? '';
}

function ignore(): void {}

/** gRPC clients get their own status for a method that is not there; everybody else a sentence. */
function notHere(request: NodeRequest, response: NodeResponse): void {
  request.resume();
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('application/grpc')) {
    const status = String(grpcStatusOf('unimplemented'));
    const message = 'no such method here; list them with: grpcurl HOST:PORT list';
    finish(response, 200, { 'content-type': type, 'grpc-status': status, 'grpc-message': message }, '');
    return;
  }
  finish(response, 404, { 'content-type': 'text/plain; charset=utf-8' }, NOTHING_HERE);
}

function finish(response: NodeResponse, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // Two overloaded methods that TypeScript does not call as one.
  if ('stream' in response) response.end(body);
  else response.end(body);
}
