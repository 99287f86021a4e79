// Server reflection, v1 and v1alpha, over protobuf-es descriptors: grpcurl and buf curl need no .proto at hand. The two
// versions differ in their package only.
import type { DescService } from '@bufbuild/protobuf';
import { grpcStatusOf } from '@muster/common/errors/codes';
import { ServerReflection } from '@muster/gen/grpc/reflection/v1/reflection_pb';
import { ServerReflection as ServerReflectionAlpha } from '@muster/gen/grpc/reflection/v1alpha/reflection_pb';
import { type ReflectedFile, type ReflectionIndex, reflectionIndex } from './reflection-index.ts';
import { type ServedService, serve } from './served-service.ts';

/** A question, as both versions ask it. */
type Question =
  | { readonly case: 'fileByFilename' | 'fileContainingSymbol' | 'listServices'; readonly value: string }
  | { readonly case: 'allExtensionNumbersOfType'; readonly value: string }
  | {
      readonly case: 'fileContainingExtension';
      readonly value: { readonly containingType: string; readonly extensionNumber: number };
    }
  | { readonly case: undefined };

type Answer =
  | { readonly case: 'fileDescriptorResponse'; readonly value: { readonly fileDescriptorProto: Uint8Array[] } }
  | {
      readonly case: 'allExtensionNumbersResponse';
      readonly value: { readonly baseTypeName: string; readonly extensionNumber: number[] };
    }
  | { readonly case: 'listServicesResponse'; readonly value: { readonly service: { readonly name: string }[] } }
  | { readonly case: 'errorResponse'; readonly value: { readonly errorCode: number; readonly errorMessage: string } };

/** One conversation: files that were sent as somebody's imports are not sent as such again. */
interface Conversation {
  readonly index: ReflectionIndex;
  readonly services: readonly string[];
  readonly sent: Set<string>;
}

/** Serves both versions for these services and for reflection itself. */
export function reflectionServices(services: readonly DescService[]): readonly ServedService[] {
  const all = [...services, ServerReflection, ServerReflectionAlpha];
  const index = reflectionIndex(all.map((service) => service.file));
  const names = all.map((service) => service.typeName).sort();
  const begin = (): Conversation => ({ index, services: names, sent: new Set() });
  return [
    serve(ServerReflection, {
      async *serverReflectionInfo(requests) {
        const conversation = begin();
        for await (const request of requests) {
          const messageResponse = answer(conversation, request.messageRequest);
          yield { validHost: request.host, originalRequest: request, messageResponse };
        }
      },
    }),
    serve(ServerReflectionAlpha, {
      async *serverReflectionInfo(requests) {
        const conversation = begin();
        for await (const request of requests) {
          const messageResponse = answer(conversation, request.messageRequest);
          yield { validHost: request.host, originalRequest: request, messageResponse };
        }
      },
    }),
  ];
}

function answer(conversation: Conversation, question: Question): Answer {
  const { index } = conversation;
  switch (question.case) {
    case 'listServices':
      return { case: 'listServicesResponse', value: { service: conversation.services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return files(conversation, index.file(question.value), `no file is called ${question.value}`);
    case 'fileContainingSymbol':
      return files(conversation, index.fileOfSymbol(question.value), `nothing is called ${question.value}`);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = question.value;
      const file = index.fileOfExtension(containingType, extensionNumber);
      return files(conversation, file, `${containingType} has no extension ${extensionNumber}`);
    }
    case 'allExtensionNumbersOfType': {
      const numbers = index.extensionNumbers(question.value);
      if (numbers === undefined) return notFound(`nothing is called ${question.value}`);
      return {
        case: 'allExtensionNumbersResponse',
        value: { baseTypeName: question.value, extensionNumber: [...numbers] },
      };
    }
    case undefined: {
      const errorMessage = 'message_request: is not set or not known here';
      return { case: 'errorResponse', value: { errorCode: grpcStatusOf('invalid_argument'), errorMessage } };
    }
  }
}

function files(conversation: Conversation, file: ReflectedFile | undefined, otherwise: string): Answer {
  if (file === undefined) return notFound(otherwise);
  conversation.sent.add(file.name);
  const fileDescriptorProto = [file.bytes];
  const visit = (name: string): void => {
    const imported = conversation.index.file(name);
    if (imported === undefined || conversation.sent.has(name)) return;
    conversation.sent.add(name);
    fileDescriptorProto.push(imported.bytes);
    imported.imports.forEach(visit);
  };
  file.imports.forEach(visit);
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function notFound(message: string): Answer {
  return {
    case: 'errorResponse',
    value: { errorCode: grpcStatusOf('not_found'), errorMessage: message.slice(0, 300) },
  };
}
