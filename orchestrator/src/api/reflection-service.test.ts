import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { create, createFileRegistry, fromBinary, getOption } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ServerReflection } from '@muster/gen/grpc/reflection/v1/reflection_pb';
import { ServerReflection as ServerReflectionAlpha } from '@muster/gen/grpc/reflection/v1alpha/reflection_pb';
import { least_role, Role } from '@muster/gen/muster/control/v1/role_pb';
import { openTestDoor, type TestDoor } from './control-door.fixture.ts';

const buf = join(import.meta.dirname, '../../../node_modules/.bin/buf');
const run = promisify(execFile);

describe('reflection', () => {
  let door: TestDoor;
  let key: string;
  beforeAll(async () => {
    door = await openTestDoor();
    key = await door.key('admin');
  });
  afterAll(async () => {
    await door[Symbol.asyncDispose]();
  });

  type Question = {
    case: 'fileByFilename' | 'fileContainingSymbol' | 'allExtensionNumbersOfType' | 'listServices';
    value: string;
  };

  async function ask(...questions: readonly Question[]): Promise<readonly unknown[]> {
    const client = createClient(ServerReflection, door.transport(key));
    const answers: unknown[] = [];
    const requests = questions.map((messageRequest) => ({ messageRequest }));
    for await (const { messageResponse } of client.serverReflectionInfo(requestsOf(requests)))
      answers.push(messageResponse);
    return answers;
  }

  async function files(symbol: string): Promise<readonly string[]> {
    const [answer] = await ask({ case: 'fileContainingSymbol', value: symbol });
    return namesOf(answer);
  }

  it('lists every service of the door, itself included', async () => {
    const [answer] = await ask({ case: 'listServices', value: '' });
    const names = door.services.map((each) => each.service.typeName).sort();
    expect(names).toContain('grpc.health.v1.Health');
    expect(answer).toMatchObject({ value: { service: names.map((name) => ({ name })) } });
  });

  it('gives a file with all it imports, which together make a working registry', async () => {
    const [answer] = await ask({ case: 'fileContainingSymbol', value: 'muster.control.v1.JobService' });
    const file = sorted(protosOf(answer));
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
    const method = registry.getService('muster.control.v1.JobService')?.method['submitJob'];
    expect(method?.input.field['spec']?.message?.typeName).toBe('muster.job.v1.JobSpec');
    expect(method === undefined ? undefined : getOption(method, least_role)).toBe(Role.OPERATOR);
    expect(namesOf(answer)).toEqual(
      expect.arrayContaining(['google/protobuf/timestamp.proto', 'google/protobuf/descriptor.proto']),
    );
  });

  it.each([
    ['a method', 'muster.control.v1.JobService.SubmitJob', 'muster/control/v1/job_service.proto'],
    ['a message', 'muster.job.v1.JobSpec', 'muster/job/v1/job_spec.proto'],
    ['a field', 'muster.job.v1.JobSpec.name', 'muster/job/v1/job_spec.proto'],
    ['an enum', 'muster.control.v1.Role', 'muster/control/v1/role.proto'],
    ['an enum value', 'muster.control.v1.ROLE_ADMIN', 'muster/control/v1/role.proto'],
    ['an extension', 'muster.control.v1.least_role', 'muster/control/v1/role.proto'],
    ['a type of protobuf', 'google.protobuf.Duration', 'google/protobuf/duration.proto'],
  ])('finds the file of %s', async (_kind, symbol, file) => {
    const [first] = await files(symbol);
    expect(first).toBe(file);
  });

  it('finds extensions by what they extend', async () => {
    const client = createClient(ServerReflection, door.transport(key));
    const value = { containingType: 'google.protobuf.MethodOptions', extensionNumber: 50_501 };
    const request = { messageRequest: { case: 'fileContainingExtension' as const, value } };
    for await (const answer of client.serverReflectionInfo(requestsOf([request]))) {
      expect(namesOf(answer.messageResponse)[0]).toBe('muster/control/v1/role.proto');
    }
    const [numbers] = await ask({ case: 'allExtensionNumbersOfType', value: 'google.protobuf.MethodOptions' });
    expect(numbers).toMatchObject({ value: { extensionNumber: [50_501] } });
  });

  it('sends imports once per conversation, and what is asked for each time', async () => {
    const question: Question = { case: 'fileContainingSymbol', value: 'muster.control.v1.JobService' };
    const [first, second] = await ask(question, question);
    expect(namesOf(first).length).toBeGreaterThan(5);
    expect(namesOf(second)).toEqual(['muster/control/v1/job_service.proto']);
  });

  it('answers unknown names with NOT_FOUND and goes on', async () => {
    const answers = await ask(
      { case: 'fileByFilename', value: 'x.proto' },
      { case: 'fileContainingSymbol', value: 'constructor' },
      { case: 'allExtensionNumbersOfType', value: 'x' },
      { case: 'fileByFilename', value: 'muster/job/v1/job_spec.proto' },
    );
    expect(answers.map((answer) => (isCase(answer) ? answer.case : ''))).toEqual([
      'errorResponse',
      'errorResponse',
      'errorResponse',
      'fileDescriptorResponse',
    ]);
    expect(answers[0]).toMatchObject({ value: { errorCode: 5 } });
  });

  it('speaks v1alpha too', async () => {
    const client = createClient(ServerReflectionAlpha, door.transport(key));
    const request = { messageRequest: { case: 'fileContainingSymbol' as const, value: 'muster.job.v1.Job' } };
    for await (const answer of client.serverReflectionInfo(requestsOf([request]))) {
      expect(namesOf(answer.messageResponse)[0]).toBe('muster/job/v1/status.proto');
    }
  });

  it.each(['grpc', 'grpcweb', 'connect'])(
    'lets buf curl list and call without a .proto at hand over %s',
    async (protocol) => {
      const options = [
        'curl',
        '--protocol',
        protocol,
        '--reflect-protocol',
        'grpc-v1',
        '--cacert',
        door.caFile,
        '--header',
        `authorization: Bearer ${key}`,
      ];
      const reflectHeader = ['--reflect-header', `authorization: Bearer ${key}`];
      const list = await run(buf, [...options, ...reflectHeader, '--list-methods', door.url]);
      expect(list.stdout).toContain('muster.control.v1.AccessService/CreateJoinToken');
      const call = [
        ...options,
        ...reflectHeader,
        '-d',
        '{"labels":{"a":"b"}}',
        `${door.url}/muster.control.v1.AccessService/CreateJoinToken`,
      ];
      expect(JSON.parse((await run(buf, call)).stdout)).toMatchObject({
        joinToken: { usesLeft: 1, labels: { a: 'b' } },
      });
    },
    30_000,
  );
});

async function* requestsOf<T>(requests: readonly T[]): AsyncGenerator<T> {
  yield* requests;
}

function isCase(value: unknown): value is { readonly case: string; readonly value: unknown } {
  return typeof value === 'object' && value !== null && 'case' in value && 'value' in value;
}

function protosOf(answer: unknown): FileDescriptorProto[] {
  if (!isCase(answer) || typeof answer.value !== 'object' || answer.value === null) return [];
  const files: unknown = 'fileDescriptorProto' in answer.value ? answer.value.fileDescriptorProto : [];
  if (!Array.isArray(files)) return [];
  return files.map((bytes: Uint8Array) => fromBinary(FileDescriptorProtoSchema, bytes));
}

function namesOf(answer: unknown): string[] {
  return protosOf(answer).map((file) => file.name);
}

/** Imports before what imports them, as a file set must be. */
function sorted(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const order = new Set<FileDescriptorProto>();
  const visit = (file: FileDescriptorProto): void => {
    for (const name of file.dependency) {
      const imported = byName.get(name);
      if (imported !== undefined && !order.has(imported)) visit(imported);
    }
    order.add(file);
  };
  files.forEach(visit);
  return [...order];
}
