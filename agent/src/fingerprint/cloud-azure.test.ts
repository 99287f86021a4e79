import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@muster/common/clock/clock';
import { askAzure } from './cloud-azure.ts';
import { metadataServer, notFound } from './metadata-server.fixture.ts';
import { never } from './probe-context.fixture.ts';

describe('asking Azure', () => {
  it('reads id, size, location and zone', async () => {
    const compute = { vmId: '02aab8a4', vmSize: 'Standard_ND96', location: 'westeurope', zone: '2' };
    await using server = await metadataServer((request, response) => {
      const good =
        request.headers['metadata'] === 'true' && request.url?.startsWith('/metadata/instance/compute?api-version=');
      if (good) response.end(JSON.stringify(compute));
      else notFound(request, response);
    });
    expect(await askAzure(server.base, systemClock, never)).toMatchObject({
      kind: 'here',
      instance: {
        provider: 'azure',
        instanceId: '02aab8a4',
        instanceType: 'Standard_ND96',
        region: 'westeurope',
        zone: '2',
      },
    });
  });

  it('is elsewhere where nothing is known about the path', async () => {
    await using server = await metadataServer(notFound);
    expect(await askAzure(server.base, systemClock, never)).toEqual({ kind: 'elsewhere' });
  });
});
