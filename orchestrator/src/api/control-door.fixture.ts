// A control door on a real socket with stores in memory, for tests of the door and its services.
import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { type Clock, systemClock } from '@muster/common/clock/clock';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { makeIds } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { AccessService } from '@muster/gen/muster/control/v1/access_service_pb';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import { NodeService } from '@muster/gen/muster/control/v1/node_service_pb';
import { type CapturedLogs, captureLogs } from '@muster/testing/capture-logs';
import { tempDir } from '@muster/testing/temp-dir';
import type { KeyRole } from '../access/access-store.ts';
import { ApiKeys } from '../access/api-keys.ts';
import { MemoryAccessStore } from '../access/memory-access-store.fixture.ts';
import { type HealthState, healthState } from '../observability/health-state.ts';
import { type CertificateAuthority, openCertificateAuthority } from '../pki/certificate-authority.ts';
import { EnrollLimit } from '../pki/enroll-limit.ts';
import { joinTokens } from '../pki/join-tokens.ts';
import { MemoryEnrollmentStore } from '../pki/memory-enrollment-store.fixture.ts';
import { openServerCertificate } from '../pki/server-certificate.ts';
import { accessService } from './access-service.ts';
import { type ControlDoor, openControlDoor } from './control-door.ts';
import { enrollmentService } from './enrollment-service.ts';
import { pageTokens } from './page-token.ts';
import type { ServedService } from './served-service.ts';
import { withStandardServices } from './standard-services.ts';

/** How a client speaks. */
export type Protocol = 'grpc' | 'grpc-web' | 'connect';

/** The door and what is behind it. */
export interface TestDoor extends AsyncDisposable {
  readonly url: string;
  readonly door: ControlDoor;
  readonly authority: CertificateAuthority;
  readonly keys: ApiKeys;
  readonly enrollments: MemoryEnrollmentStore;
  readonly health: HealthState;
  readonly logs: CapturedLogs;
  readonly services: readonly ServedService[];
  /** The path of the authority's certificate. */
  readonly caFile: string;
  /** A fresh key's text. */
  key(role: KeyRole): Promise<string>;
  transport(key?: string, protocol?: Protocol): Transport;
}

/** Jobs and nodes that answer UNIMPLEMENTED: enough to see who is let in. */
const silentServices: readonly ServedService[] = [
  { service: JobService, register: (router) => void router.service(JobService, {}) },
  { service: NodeService, register: (router) => void router.service(NodeService, {}) },
];

/** Opens one. */
export async function openTestDoor(
  options: { readonly clock?: Clock; readonly services?: readonly ServedService[] } = {},
): Promise<TestDoor> {
  const clock = options.clock ?? systemClock;
  const ids = makeIds(clock, systemRandom);
  const logs = captureLogs();
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await tempDir());
  const authority = await openCertificateAuthority({
    dataDirectory: directory.path,
    clusterId: 'test',
    disk: nodeDisk,
    clock,
    random: systemRandom,
  });
  const tls = await openServerCertificate({
    path: directory.join('pki', 'control-door.pem'),
    names: [],
    authority,
    disk: nodeDisk,
    clock: systemClock,
  });
  const keys = new ApiKeys({ store: new MemoryAccessStore(), clock, random: systemRandom, ids });
  const enrollments = new MemoryEnrollmentStore();
  const health = healthState();
  const tokens = joinTokens({
    store: enrollments,
    clock,
    random: systemRandom,
    ids,
    caSha256: authority.caSha256,
    controlAddresses: () => ['127.0.0.1:7444'],
  });
  const connectedTwins = () => [];
  const enrollDeps = { authority, store: enrollments, clock, ids, logger: logs.logger, agentAddresses, connectedTwins };
  const own = [
    accessService({ joinTokens: tokens, keys, pages: pageTokens(systemRandom.bytes(32)) }),
    enrollmentService(enrollDeps, new EnrollLimit(clock)),
    ...(options.services ?? silentServices),
  ];
  const services = withStandardServices(own, health);
  const doorDeps = { keys, services, tls, clock: systemClock, ids, logger: logs.logger };
  const door = stack.use(await openControlDoor(doorDeps, { host: '127.0.0.1', port: 0 }));
  const url = `https://127.0.0.1:${door.port}`;
  const kept = stack.move();
  return {
    url,
    door,
    authority,
    keys,
    enrollments,
    health,
    logs,
    services,
    caFile: directory.join('ca.pem'),
    key: async (role) => (await keys.create(role, role)).text,
    transport: (key, protocol = 'grpc') => transportTo(url, authority.caPem, key, protocol),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** A client of join tokens and keys. */
export function accessClient(door: TestDoor, key?: string): ReturnType<typeof createClient<typeof AccessService>> {
  return createClient(AccessService, door.transport(key));
}

function agentAddresses(): readonly string[] {
  return ['127.0.0.1:7443'];
}

function transportTo(baseUrl: string, ca: string, key: string | undefined, protocol: Protocol): Transport {
  const options = {
    baseUrl,
    nodeOptions: { ca },
    interceptors:
      key === undefined
        ? []
        : ([
            (next) => (request) => {
              request.header.set('authorization', `Bearer ${key}`);
              return next(request);
            },
          ] satisfies Parameters<typeof createGrpcTransport>[0]['interceptors']),
  };
  if (protocol === 'grpc') return createGrpcTransport(options);
  if (protocol === 'grpc-web') return createGrpcWebTransport({ ...options, httpVersion: '1.1' });
  return createConnectTransport({ ...options, httpVersion: '1.1', useBinaryFormat: false });
}
