import 'reflect-metadata';
import { createHash, X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { asJoinTokenId, makeIds } from '@muster/common/ids/ids';
import { formatJoinToken } from '@muster/common/join-token/join-token';
import { systemRandom } from '@muster/common/random/random';
import { EnrollmentService, type EnrollRequest } from '@muster/gen/muster/enrollment/v1/enrollment_service_pb';
import { captureLogs } from '@muster/testing/capture-logs';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { type TestCa, testCa } from '@muster/testing/test-pki';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import { identify } from './identify.ts';
import { openStateDirectory } from './state-directory.ts';

const ids = makeIds(systemClock, systemRandom);
const digest = (pem: string) => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');

describe('enrolment', () => {
  let dir: TempDir;
  let ca: TestCa;
  let door: Http2SecureServer;
  let requests: EnrollRequest[];
  let answers: (() => void)[];
  beforeEach(async () => {
    dir = await tempDir();
    ca = await testCa();
    requests = [];
    answers = [];
    const server = await ca.server();
    const nodeId = ids.next();
    const node = await ca.node(nodeId);
    const handler = connectNodeAdapter({
      routes: (router) => {
        router.service(EnrollmentService, {
          enroll(request) {
            requests.push(request);
            answers.shift()?.();
            return {
              nodeId,
              nodeName: 'n1',
              certificatePem: node.certPem,
              caBundlePem: ca.caPem,
              agentAddresses: ['localhost:7443'],
            };
          },
        });
      },
    });
    // The authority is part of what the server shows, as the orchestrator's control door does it.
    door = createSecureServer({ key: server.keyPem, cert: `${server.certPem}\n${ca.caPem}` }, handler);
    await new Promise<void>((resolve) => door.listen(0, '0.0.0.0', resolve));
  });
  afterEach(async () => {
    door.close();
    await dir[Symbol.asyncDispose]();
  });

  const port = () => {
    const address: AddressInfo | string | null = door.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  };
  const tokenFor = (caPem: string, addresses = [`localhost:${port()}`]) =>
    formatJoinToken({ addresses, caSha256: digest(caPem), tokenId: asJoinTokenId(ids.next()), secret: 'a'.repeat(43) });
  const join = async (joinToken: string | undefined) => {
    const state = await openStateDirectory(nodeDisk, dir.join('state'));
    const logs = captureLogs();
    const deps = {
      disk: nodeDisk,
      clock: systemClock,
      random: systemRandom,
      logger: logs.logger,
      state,
      machineIdHash: 'ab',
    };
    const identity = await identify(deps, { joinToken, name: 'n1', labels: { a: 'b' } }, AbortSignal.timeout(5_000));
    return { identity, logs };
  };

  it('makes a key on the node, asks with a request that proves it, and keeps both closed to others', async () => {
    const token = tokenFor(ca.caPem);
    const { identity, logs } = await join(token);
    const [request] = requests;
    expect(request?.labels).toEqual({ a: 'b' });
    expect(await new Pkcs10CertificateRequest(request?.certificateRequest ?? new Uint8Array()).verify()).toBe(true);
    expect((await stat(dir.join('state'))).mode & 0o777).toBe(0o700);
    expect((await stat(dir.join('state', 'node-key.pem'))).mode & 0o777).toBe(0o600);
    expect(identity.tls.keyPem).toContain('BEGIN PRIVATE KEY');
    expect(logs.text()).not.toContain(token);
  });

  it('needs no token once it is enrolled', async () => {
    const { identity } = await join(tokenFor(ca.caPem));
    const again = await join(undefined);
    expect(again.identity).toEqual(identity);
    expect(requests).toHaveLength(1);
  });

  it('sends nothing to a server that does not show the authority of the token', async () => {
    const stranger = await testCa('other');
    await expect(join(tokenFor(stranger.caPem))).rejects.toThrow(/nothing was sent/);
    expect(requests).toHaveLength(0);
  });

  it('refuses a server whose certificate is for another name', async () => {
    await expect(join(tokenFor(ca.caPem, [`127.0.0.2:${port()}`]))).rejects.toThrow(/not for that name/);
    expect(requests).toHaveLength(0);
  });

  it('tries the addresses in turn, and again while the orchestrator is unavailable', async () => {
    answers.push(() => {
      throw new ConnectError('later', Code.Unavailable);
    });
    await join(tokenFor(ca.caPem, ['localhost:1', `localhost:${port()}`]));
    expect(requests).toHaveLength(2);
  });

  it('gives up with a sentence when the token is refused', async () => {
    answers.push(() => {
      throw new ConnectError('join token not valid: ask for a new one', Code.Unauthenticated);
    });
    await expect(join(tokenFor(ca.caPem))).rejects.toThrow(/ask for a new one/);
    expect(requests).toHaveLength(1);
  });

  it('says what is missing on a machine that was never enrolled', async () => {
    await expect(join(undefined)).rejects.toThrow(/--join-token-file/);
  });
});
