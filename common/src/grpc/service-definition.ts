/**
 * protobuf-es descriptors as grpc-js definitions. One method's encoder can be replaced, for frames that carry much data
 * and are worth an encoder with one copy less.
 */
import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/** Encoders that replace protobuf-es's for one method. They must write the same wire format. */
export interface MethodEncoders<Request, Response> {
  readonly serializeRequest?: (request: Request) => Uint8Array;
  readonly serializeResponse?: (response: Response) => Uint8Array;
}

/** One method, for a client's `makeBidiStreamRequest` and the like, or for a server. */
export function methodDefinition<Request extends DescMessage, Response extends DescMessage>(
  method: DescMethod & { readonly input: Request; readonly output: Response },
  encoders: MethodEncoders<MessageShape<Request>, MessageShape<Response>> = {},
): MethodDefinition<MessageShape<Request>, MessageShape<Response>> {
  const { input, output } = method;
  const serializeRequest = encoders.serializeRequest ?? ((request) => toBinary(input, request));
  const serializeResponse = encoders.serializeResponse ?? ((response) => toBinary(output, response));
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: (request) => asBuffer(serializeRequest(request)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (response) => asBuffer(serializeResponse(response)),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
    originalName: method.localName,
  };
}

/**
 * A whole service, for `server.addService`. Handlers are named as in the descriptor, `localName` (`connect`).
 * @param replaced definitions by `localName` that take the place of the default ones
 */
export function serviceDefinition(
  service: DescService,
  replaced: Readonly<Record<string, MethodDefinition<Message, Message>>> = {},
): ServiceDefinition {
  const definition: Record<string, MethodDefinition<Message, Message>> = {};
  for (const method of service.methods) {
    definition[method.localName] = replaced[method.localName] ?? methodDefinition(method);
  }
  return definition;
}

/** The same memory as a Buffer: grpc-js copies out of Buffers only. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
