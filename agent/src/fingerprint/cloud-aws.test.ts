import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { askAws } from './cloud-aws.ts';
import { metadataServer, notFound } from './metadata-server.fixture.ts';
import { never } from './probe-context.fixture.ts';

const document = {
  instanceId: 'i-0abc',
  instanceType: 'p5.48xlarge',
  region: 'us-east-1',
  availabilityZone: 'us-east-1a',
};

describe('asking Amazon EC2', () => {
  it('gets a token first, and reads the identity document with it', async () => {
    await using server = await metadataServer((request, response) => {
      const { method, headers } = request;
      if (method === 'PUT' && headers['x-aws-ec2-metadata-token-ttl-seconds'] === '60') response.end('the-token');
      else if (headers['x-aws-ec2-metadata-token'] === 'the-token') response.end(JSON.stringify(document));
      else response.writeHead(401).end();
    });
    expect(await askAws(server.base, systemClock, never)).toMatchObject({
      kind: 'here',
      instance: {
        provider: 'aws',
        instanceId: 'i-0abc',
        instanceType: 'p5.48xlarge',
        region: 'us-east-1',
        zone: 'us-east-1a',
      },
    });
    expect(server.asked).toEqual(['PUT /latest/api/token', 'GET /latest/dynamic/instance-identity/document']);
  });

  it('is not taken in by a cloud that only imitates it', async () => {
    await using server = await metadataServer((request, response) => {
      if (request.method === 'PUT') response.end('t');
      else notFound(request, response);
    });
    expect(await askAws(server.base, systemClock, never)).toEqual({ kind: 'elsewhere' });
  });

  it('takes an answer that is no document for another cloud', async () => {
    await using server = await metadataServer((_, response) => void response.end('<html>a captive portal</html>'));
    expect(await askAws(server.base, systemClock, never)).toEqual({ kind: 'elsewhere' });
  });
});
