/**
 * A control door for tests: real TLS, HTTP/2 and gRPC, with services that the test scripts call by call. It can drop
 * all its connections, as a dying orchestrator does.
 */
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { AccessService } from '@muster/gen/muster/control/v1/access_service_pb';
import { JobService } from '@muster/gen/muster/control/v1/job_service_pb';
import { NodeService } from '@muster/gen/muster/control/v1/node_service_pb';
import { type TestCa, testCa } from '@muster/testing/test-pki';

/** What the services answer; a method that is left out answers UNIMPLEMENTED. */
export interface FakeServices {
  readonly jobs?: Partial<ServiceImpl<typeof JobService>>;
  readonly nodes?: Partial<ServiceImpl<typeof NodeService>>;
  readonly access?: Partial<ServiceImpl<typeof AccessService>>;
}

/** A running door. */
export interface FakeControlDoor extends AsyncDisposable {
  readonly url: string;
  readonly caPem: string;
  /** Resets every connection, as the death of the process would. */
  dropConnections(): void;
}

let sharedCa: Promise<TestCa> | undefined;

/** Starts a door on a free port of the loopback. `expired`: with a certificate whose time is over. */
export async function fakeControlDoor(
  services: FakeServices,
  options: { readonly expired?: boolean; readonly port?: number } = {},
): Promise<FakeControlDoor> {
  sharedCa ??= testCa();
  const ca = await sharedCa;
  const identity = await ca.server([], options.expired === true ? { expired: true } : {});
  const routes = (router: ConnectRouter): void => {
    router.service(JobService, services.jobs ?? {});
    router.service(NodeService, services.nodes ?? {});
    router.service(AccessService, services.access ?? {});
  };
  const server = createSecureServer(
    { cert: identity.certPem, key: identity.keyPem },
    connectNodeAdapter({ routes, acceptCompression: [] }),
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  const port = await listen(server, options.port ?? 0);
  const dropConnections = (): void => {
    for (const session of sessions) session.destroy();
  };
  return {
    url: `https://127.0.0.1:${port}`,
    caPem: ca.caPem,
    dropConnections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      dropConnections();
      await closed;
    },
  };
}

function listen(server: Http2SecureServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
