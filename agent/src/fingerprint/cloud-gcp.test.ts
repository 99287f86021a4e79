import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { askGcp } from './cloud-gcp.ts';
import { metadataServer } from './metadata-server.fixture.ts';
import { never } from './probe-context.fixture.ts';

const values: Readonly<Record<string, string>> = {
  '/computeMetadata/v1/instance/id': '4520031799277581759',
  '/computeMetadata/v1/instance/machine-type': 'projects/1/machineTypes/a3-highgpu-8g',
  '/computeMetadata/v1/instance/zone': 'projects/1/zones/europe-west1-b',
};

describe('asking Google Compute Engine', () => {
  it('reads id, type, region and zone, and nothing that may be secret', async () => {
    await using server = await metadataServer((request, response) => {
      const body = request.headers['metadata-flavor'] === 'Google' ? values[request.url ?? ''] : undefined;
      response.writeHead(body === undefined ? 403 : 200, { 'Metadata-Flavor': 'Google' }).end(body);
    });
    expect(await askGcp(server.base, systemClock, never)).toMatchObject({
      kind: 'here',
      instance: {
        provider: 'gcp',
        instanceId: '4520031799277581759',
        instanceType: 'a3-highgpu-8g',
        region: 'europe-west1',
        zone: 'europe-west1-b',
      },
    });
    expect([...server.asked].sort()).toEqual(
      Object.keys(values)
        .map((path) => `GET ${path}`)
        .sort(),
    );
  });

  it('does not believe an answer without Google’s header', async () => {
    await using server = await metadataServer((_, response) => void response.end('42'));
    expect(await askGcp(server.base, systemClock, never)).toEqual({ kind: 'elsewhere' });
  });
});
