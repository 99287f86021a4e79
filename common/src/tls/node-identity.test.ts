import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { testCa } from '@muster/testing/test-pki';
import { asNodeId } from '../ids/ids.ts';
import { fingerprintOfDer, fingerprintOfPem } from './fingerprint.ts';
import { nodeIdentityOfSubject, nodeIdentityUri, parseNodeIdentityUri } from './node-identity.ts';

const id = '01arz3ndektsv4rrffq69g5fav';

describe('a node identity', () => {
  it('is read back from what was built', () => {
    expect(parseNodeIdentityUri(nodeIdentityUri('prod.example', asNodeId(id)))).toEqual({
      cluster: 'prod.example',
      nodeId: id,
    });
  });

  it.each([
    `spiffe://c/node/${id}x`,
    `spiffe://c/node/${id.toUpperCase()}`,
    `spiffe://c/job/${id}`,
    `spiffe://c/x/node/${id}`,
    `https://c/node/${id}`,
    `spiffe:///node/${id}`,
    `spiffe://c/node/8${id.slice(1)}`,
  ])('is not read from %s', (uri) => {
    expect(parseNodeIdentityUri(uri)).toBeUndefined();
  });

  it('refuses a cluster name that cannot stand in a URI', () => {
    expect(() => nodeIdentityUri('a/b', asNodeId(id))).toThrow('no cluster name');
  });

  it.each([
    undefined,
    '',
    'DNS:localhost',
    `URI:spiffe://c/node/${id}, URI:spiffe://c/node/${id}`,
    `DNS:"x, URI:spiffe://c/node/${id}"`,
    `URI:"spiffe://c/node/${id}, DNS:x"`,
  ])('is refused as unauthenticated in the alternative names %j', (names) => {
    expect(() => nodeIdentityOfSubject(names)).toThrow('does not name a node');
  });

  it('is read from a real certificate', async () => {
    const ca = await testCa('fleet');
    const node = await ca.node(id);
    const certificate = new X509Certificate(node.certPem);
    expect(nodeIdentityOfSubject(certificate.subjectAltName)).toEqual({ cluster: 'fleet', nodeId: id });
    expect(fingerprintOfPem(node.certPem)).toBe(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
    expect(fingerprintOfDer(certificate.raw)).toBe(fingerprintOfPem(node.certPem));
  });
});
