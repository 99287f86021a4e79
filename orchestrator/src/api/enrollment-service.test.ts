import { asJoinTokenId } from '@muster/common/ids/ids';
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { formatJoinToken, parseJoinToken } from '@muster/common/join-token/join-token';
import { fingerprintOfPem } from '@muster/common/tls/fingerprint';
import { nodeIdentityOfSubject } from '@muster/common/tls/node-identity';
import { EnrollmentService } from '@muster/gen/muster/enrollment/v1/enrollment_service_pb';
import { ManualClock } from '@muster/testing/manual-clock';
import * as x509 from '@peculiar/x509';
import { REFUSAL } from '../pki/enroll.ts';
import { accessClient, openTestDoor, type TestDoor } from './control-door.fixture.ts';

const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const machineIdHash = 'c0'.repeat(32);

async function certificateRequest(
  algorithm: RsaHashedKeyGenParams | EcKeyGenParams | { name: string },
  name = 'CN=attacker',
): Promise<Uint8Array> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  if (!('privateKey' in keys)) throw new Error('no key pair');
  const signingAlgorithm = { hash: 'SHA-256', ...algorithm };
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name,
      keys,
      signingAlgorithm,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'control.example' }])],
    },
    webcrypto,
  );
  return new Uint8Array(request.rawData);
}

interface RsaHashedKeyGenParams {
  readonly name: string;
  readonly modulusLength: number;
  readonly publicExponent: Uint8Array;
  readonly hash: string;
}
interface EcKeyGenParams {
  readonly name: string;
  readonly namedCurve: string;
}

describe('enrolling', () => {
  let door: TestDoor;
  let clock: ManualClock;
  beforeEach(async () => {
    clock = new ManualClock(Date.now());
    door = await openTestDoor({ clock });
  });
  afterEach(async () => {
    await door[Symbol.asyncDispose]();
  });

  async function tokenText(options: { uses?: number; unlimitedUses?: boolean } = {}): Promise<string> {
    return (await accessClient(door, await door.key('admin')).createJoinToken(options)).token;
  }

  function client(): ReturnType<typeof createClient<typeof EnrollmentService>> {
    return createClient(EnrollmentService, door.transport());
  }

  async function refusal(joinToken: string, request?: Uint8Array): Promise<ConnectError> {
    const sent = request ?? (await certificateRequest(p256));
    const answer = await client()
      .enroll({ joinToken, certificateRequest: sent, hostname: 'box', machineIdHash })
      .catch((error: unknown) => ConnectError.from(error));
    if (answer instanceof ConnectError) return answer;
    throw new Error('it was enrolled');
  }

  function reasons(): readonly unknown[] {
    return door.logs.lines.filter((line) => line['msg'] === 'refused an enrolment').map((line) => line['reason']);
  }

  it('trades a token for a certificate whose names are all of our choice', async () => {
    const token = await tokenText();
    expect(parseJoinToken(token)).toMatchObject({ caSha256: door.authority.caSha256, addresses: ['127.0.0.1:7444'] });
    const request = await certificateRequest(p256, 'CN=admin,O=root');
    const answer = await client().enroll({
      joinToken: token,
      certificateRequest: request,
      hostname: 'Build Box_7.local',
      machineIdHash,
      labels: { disk: 'ssd' },
    });
    const certificate = new X509Certificate(answer.certificatePem);
    expect(certificate.subject).toBe(`CN=${answer.nodeId}`);
    expect(nodeIdentityOfSubject(certificate.subjectAltName)).toEqual({ cluster: 'test', nodeId: answer.nodeId });
    expect(certificate.verify(new X509Certificate(answer.caBundlePem).publicKey)).toBe(true);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    const lifeMs = certificate.validToDate.getTime() - clock.nowMs();
    expect(Math.round(lifeMs / 86_400_000)).toBe(90);
    expect(clock.nowMs() - certificate.validFromDate.getTime()).toBeGreaterThanOrEqual(300_000);
    expect(answer).toMatchObject({ nodeName: 'build-box-7.local', agentAddresses: ['127.0.0.1:7443'] });
    expect(fingerprintOfPem(answer.caBundlePem)).toBe(door.authority.caSha256);
    expect(door.enrollments.issued[0]?.request.certificateSha256).toBe(fingerprintOfPem(answer.certificatePem));
    expect(door.logs.text()).not.toContain(parseJoinToken(token).secret);
  });

  it('gives the same certificate again for the same key within ten minutes, and not after', async () => {
    const joinToken = await tokenText();
    const certificateRequest_ = await certificateRequest(p256);
    const ask = { joinToken, certificateRequest: certificateRequest_, hostname: 'box', machineIdHash };
    const first = await client().enroll(ask);
    await clock.advance(9 * 60_000);
    expect(await client().enroll(ask)).toEqual(first);
    await clock.advance(2 * 60_000);
    expect(await refusal(joinToken, certificateRequest_)).toMatchObject({ code: Code.Unauthenticated });
  });

  it('refuses wrong, cut, used, revoked and expired tokens with one text, and tells the log why', async () => {
    const used = await tokenText();
    await client().enroll({
      joinToken: used,
      certificateRequest: await certificateRequest(p256),
      hostname: 'box',
      machineIdHash,
    });
    const revoked = await tokenText();
    await accessClient(door, await door.key('admin')).revokeJoinToken({ joinTokenId: parseJoinToken(revoked).tokenId });
    const good = parseJoinToken(await tokenText());
    const wrongSecret = formatJoinToken({ ...good, secret: Buffer.alloc(32).toString('base64url') });
    const unknown = formatJoinToken({ ...good, tokenId: asJoinTokenId('7'.repeat(26)) });
    const expired = await tokenText();
    for (const text of ['', 'hello', used, used.slice(0, -1), revoked, wrongSecret, unknown]) {
      expect(await refusal(text)).toMatchObject({ code: Code.Unauthenticated, rawMessage: REFUSAL });
    }
    await clock.advance(3_600_001);
    expect(await refusal(expired)).toMatchObject({ code: Code.Unauthenticated, rawMessage: REFUSAL });
    expect(reasons()).toEqual([
      expect.stringContaining('is empty'),
      expect.stringContaining('does not begin with'),
      'used_up',
      expect.stringContaining('checksum'),
      'revoked',
      'wrong_secret',
      'unknown',
      'expired',
    ]);
  });

  it.each([
    ['nothing', async () => new Uint8Array(), 'is empty'],
    ['garbage', async () => new Uint8Array(500).fill(7), 'is not a PKCS#10 request'],
    ['17 KiB', async () => new Uint8Array(17 * 1024), 'is 17408 bytes; at most 16384 are read'],
    [
      'an RSA key',
      () =>
        certificateRequest({
          name: 'RSASSA-PKCS1-v1_5',
          modulusLength: 2048,
          publicExponent: new Uint8Array([1, 0, 1]),
          hash: 'SHA-256',
        }),
      'has a key of kind rsa',
    ],
    ['P-521', () => certificateRequest({ name: 'ECDSA', namedCurve: 'P-521' }), 'has a key of kind secp521r1'],
    [
      'a signature of another key',
      async () => {
        const request = await certificateRequest(p256);
        const at = request.length - 1;
        request[at] = (request[at] ?? 0) ^ 1;
        return request;
      },
      'is not signed with the key it names',
    ],
  ])('refuses a certificate request of %s', async (_what, make, text) => {
    const error = await refusal(await tokenText(), await make());
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    expect(error.rawMessage).toContain(`certificate_request: ${text}`);
  });

  it('takes every truncation of a certificate request as a bad request', async () => {
    const whole = await certificateRequest(p256);
    const joinToken = await tokenText();
    for (let length = 1; length < whole.length; length += 17) {
      await clock.advance(1_000);
      const error = await refusal(joinToken, whole.slice(0, length));
      expect([length, error.code]).toEqual([length, Code.InvalidArgument]);
    }
  });

  it.each([
    ['P-384', { name: 'ECDSA', namedCurve: 'P-384' }],
    ['Ed25519', { name: 'Ed25519' }],
  ])('takes keys of kind %s', async (_kind, algorithm) => {
    const answer = await client().enroll({
      joinToken: await tokenText(),
      certificateRequest: await certificateRequest(algorithm),
      hostname: '',
      machineIdHash,
    });
    expect(answer.nodeName).toBe('node');
  });

  it('names every field that is wrong at once', async () => {
    const error = await client()
      .enroll({
        joinToken: await tokenText(),
        certificateRequest: await certificateRequest(p256),
        name: 'Not A Name',
        machineIdHash: 'x',
        labels: { 'BAD KEY': 'v' },
      })
      .catch((thrown: unknown) => ConnectError.from(thrown));
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    for (const field of ['name:', 'machine_id_hash:', 'labels']) expect(String(error)).toContain(field);
  });

  it('slows down a source that tries tokens, and lets it in again later', async () => {
    for (let tries = 0; tries < 20; tries += 1) await refusal('guess');
    const error = await refusal('guess');
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    expect(error.metadata.get('muster-retry-after-ms')).toBe('1000');
    await clock.advance(1_000);
    expect(await refusal('guess')).toMatchObject({ code: Code.Unauthenticated });
  });
});
