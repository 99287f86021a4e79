import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { nodeDisk } from '@muster/common/disk/node-disk';
import { asNodeId } from '@muster/common/ids/ids';
import { systemRandom } from '@muster/common/random/random';
import { fingerprintOfPem } from '@muster/common/tls/fingerprint';
import { ManualClock } from '@muster/testing/manual-clock';
import { type TempDir, tempDir } from '@muster/testing/temp-dir';
import { type CertificateAuthority, openCertificateAuthority } from './certificate-authority.ts';
import { namesFor, openServerCertificate } from './server-certificate.ts';

const DAY_MS = 86_400_000;

describe('the certificate authority', () => {
  let directory: TempDir;
  let clock: ManualClock;
  beforeEach(async () => {
    directory = await tempDir();
    clock = new ManualClock(Date.now());
  });
  afterEach(async () => {
    await directory[Symbol.asyncDispose]();
  });

  function open(clusterId = 'one'): Promise<CertificateAuthority> {
    const options = { dataDirectory: directory.path, clusterId, disk: nodeDisk, clock, random: systemRandom };
    return openCertificateAuthority(options);
  }

  async function modeOf(name: string): Promise<string> {
    return ((await stat(directory.join(name))).mode & 0o777).toString(8);
  }

  it('is made once, readable for its user only, with a public copy beside it', async () => {
    const first = await open();
    expect(await open()).toMatchObject({ caPem: first.caPem, caSha256: fingerprintOfPem(first.caPem) });
    expect([await modeOf('pki'), await modeOf('pki/authority.pem'), await modeOf('ca.pem')]).toEqual([
      '700',
      '600',
      '644',
    ]);
    const certificate = new X509Certificate(first.caPem);
    expect(certificate.ca).toBe(true);
    expect(certificate.checkIssued(certificate)).toBe(true);
    expect(Math.round((certificate.validToDate.getTime() - clock.nowMs()) / DAY_MS)).toBe(3650);
  });

  it('writes the public copy again when it is gone', async () => {
    const first = await open();
    await nodeDisk.unlink(directory.join('ca.pem'));
    await open();
    expect(new TextDecoder().decode(await nodeDisk.readFile(directory.join('ca.pem')))).toBe(first.caPem);
  });

  it('refuses to begin anew when only the public copy is left', async () => {
    await open();
    await nodeDisk.unlink(directory.join('pki/authority.pem'));
    await expect(open()).rejects.toMatchObject({ code: 'data_loss', message: expect.stringContaining('enrol anew') });
  });

  it('refuses a file that is damaged, and shows nothing of it', async () => {
    await open();
    await using file = await nodeDisk.open(directory.join('pki/authority.pem'), 'read_write');
    await file.truncate(300);
    await expect(open()).rejects.toMatchObject({ code: 'data_loss', message: expect.not.stringContaining('BEGIN') });
  });

  it('refuses the authority of another cluster', async () => {
    await open('one');
    await expect(open('two')).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  it('gives a node a certificate that is good for a client and for nothing else', async () => {
    const authority = await open();
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const made = await authority.issueForNode(asNodeId('01hzy3k4m5n6p7q8r9s0t1v2w3'), spki);
    const certificate = new X509Certificate(made.certPem);
    expect(certificate.subjectAltName).toBe('URI:spiffe://one/node/01hzy3k4m5n6p7q8r9s0t1v2w3');
    expect([certificate.ca, certificate.keyUsage]).toEqual([false, ['1.3.6.1.5.5.7.3.2']]);
    expect(made.expiresAtMs).toBe(certificate.validToDate.getTime());
    const second = await authority.issueForNode(asNodeId('01hzy3k4m5n6p7q8r9s0t1v2w3'), spki);
    expect(new X509Certificate(second.certPem).serialNumber).not.toBe(certificate.serialNumber);
  });

  describe('for a listener', () => {
    async function listener(names: readonly string[] = []): ReturnType<typeof openServerCertificate> {
      const path = directory.join('pki/door.pem');
      return await openServerCertificate({ path, names, authority: await open(), disk: nodeDisk, clock });
    }

    it.each(['localhost', '127.0.0.1', '::1', 'door.example.net', '10.1.2.3'])('is believed for %s', async (host) => {
      const identity = await listener(['Door.Example.net', '10.1.2.3']);
      const server = createServer({ cert: identity.certPem, key: identity.keyPem }, (socket) => socket.end());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const authorized = await new Promise<boolean>((resolve, reject) => {
        const options = { host: '127.0.0.1', port, ca: identity.caPem, checkServerIdentity: () => undefined };
        const socket: TLSSocket = connect(options, () => resolve(socket.authorized));
        socket.on('error', reject).on('data', () => undefined);
      });
      await new Promise((resolve) => server.close(resolve));
      const certificate = new X509Certificate(identity.certPem);
      const covered = certificate.checkHost(host) ?? certificate.checkIP(host);
      expect([authorized, covered]).toEqual([true, host]);
    });

    it('is kept while it fits', async () => {
      const first = await listener(['a.example']);
      await clock.advance(200 * DAY_MS);
      expect(await listener(['a.example'])).toEqual(first);
      expect(await modeOf('pki/door.pem')).toBe('600');
    });

    it.each([
      ['a name is added', ['a.example', 'b.example'], 0],
      ['a name is gone', [], 0],
      ['its last third begins', ['a.example'], 250],
    ])('is made anew when %s', async (_when, names, days) => {
      const first = await listener(['a.example']);
      await clock.advance(days * DAY_MS);
      const second = await listener(names);
      expect(second.certPem).not.toBe(first.certPem);
      expect(second.keyPem).not.toBe(first.keyPem);
    });

    it('is made anew when its file is damaged', async () => {
      await listener();
      await using file = await nodeDisk.open(directory.join('pki/door.pem'), 'read_write');
      await file.truncate(100);
      expect((await listener()).certPem).toContain('BEGIN CERTIFICATE');
    });

    it('leaves out what can stand in no certificate', () => {
      expect(namesFor(['0.0.0.0', '::', 'bad host', '', 'GOOD.example'])).toEqual([
        'localhost',
        '127.0.0.1',
        '::1',
        'good.example',
      ]);
    });
  });
});
