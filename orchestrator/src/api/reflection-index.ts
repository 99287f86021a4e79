// What reflection knows: every file that the served services need, by its name, and which file holds which symbol and
// extension. Built once from the generated descriptors.
import { type DescExtension, type DescFile, type DescMessage, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** A file as it is sent. */
export interface ReflectedFile {
  readonly name: string;
  /** FileDescriptorProto. */
  readonly bytes: Uint8Array;
  /** Names of the files it imports. */
  readonly imports: readonly string[];
}

/** The lookups of the reflection protocol. */
export interface ReflectionIndex {
  file(name: string): ReflectedFile | undefined;
  /** The file of a message, enum, service, method, field, enum value or extension, by its full name. */
  fileOfSymbol(symbol: string): ReflectedFile | undefined;
  fileOfExtension(extendee: string, number: number): ReflectedFile | undefined;
  /** Numbers of the known extensions of a message; undefined when the message is unknown. */
  extensionNumbers(extendee: string): readonly number[] | undefined;
}

/** Indexes files and all they import. */
export function reflectionIndex(roots: readonly DescFile[]): ReflectionIndex {
  const files = new Map<string, ReflectedFile>();
  const symbols = new Map<string, string>();
  const extensions = new Map<string, Map<number, string>>();
  for (const file of withImports(roots)) {
    const { name } = file.proto;
    const imports = file.dependencies.map((each) => each.proto.name);
    files.set(name, { name, bytes: toBinary(FileDescriptorProtoSchema, file.proto), imports });
    for (const symbol of symbolsOf(file)) symbols.set(symbol, name);
    for (const extension of extensionsOf(file)) {
      const ofExtendee = extensions.get(extension.extendee.typeName) ?? new Map<number, string>();
      extensions.set(extension.extendee.typeName, ofExtendee.set(extension.number, name));
    }
  }
  const fileNamed = (name: string | undefined): ReflectedFile | undefined =>
    name === undefined ? undefined : files.get(name);
  return {
    file: fileNamed,
    fileOfSymbol: (symbol) => fileNamed(symbols.get(symbol)),
    fileOfExtension: (extendee, number) => fileNamed(extensions.get(extendee)?.get(number)),
    extensionNumbers: (extendee) =>
      symbols.has(extendee)
        ? [...(extensions.get(extendee)?.keys() ?? [])].sort((one, other) => one - other)
        : undefined,
  };
}

function withImports(roots: readonly DescFile[]): ReadonlySet<DescFile> {
  const found = new Set<DescFile>();
  const visit = (file: DescFile): void => {
    if (found.has(file)) return;
    found.add(file);
    file.dependencies.forEach(visit);
  };
  roots.forEach(visit);
  return found;
}

function* symbolsOf(file: DescFile): Generator<string> {
  for (const message of file.messages) yield* symbolsOfMessage(message);
  for (const each of file.enums) {
    yield each.typeName;
    // Enum values are siblings of their enum, by protobuf's scoping.
    const scope = each.typeName.slice(0, each.typeName.lastIndexOf('.') + 1);
    for (const value of each.values) yield scope + value.name;
  }
  for (const service of file.services) {
    yield service.typeName;
    for (const method of service.methods) yield `${service.typeName}.${method.name}`;
  }
  for (const extension of file.extensions) yield extension.typeName;
}

function* symbolsOfMessage(message: DescMessage): Generator<string> {
  yield message.typeName;
  for (const field of message.fields) yield `${message.typeName}.${field.name}`;
  for (const each of message.nestedEnums) {
    yield each.typeName;
    for (const value of each.values) yield `${message.typeName}.${value.name}`;
  }
  for (const extension of message.nestedExtensions) yield extension.typeName;
  for (const nested of message.nestedMessages) yield* symbolsOfMessage(nested);
}

function extensionsOf(file: DescFile): readonly DescExtension[] {
  const inMessage = (message: DescMessage): readonly DescExtension[] => [
    ...message.nestedExtensions,
    ...message.nestedMessages.flatMap(inMessage),
  ];
  return [...file.extensions, ...file.messages.flatMap(inMessage)];
}
