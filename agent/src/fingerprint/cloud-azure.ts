/** Microsoft Azure: the instance metadata service. */
import { create } from '@bufbuild/protobuf';
import { CloudInstanceSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { makeAskCloud } from './cloud-answer.ts';
import { textAt } from './json-value.ts';

/** Any supported version has these fields; this one is in all regions. */
const API_VERSION = '2021-02-01';

/** Asks Azure. */
export const askAzure = makeAskCloud(async (ask) => {
  const body = await ask(`/metadata/instance/compute?api-version=${API_VERSION}`, { Metadata: 'true' });
  if (body === undefined) return undefined;
  const compute: unknown = JSON.parse(body);
  const instanceId = textAt(compute, 'vmId');
  if (instanceId === '') return undefined;
  return create(CloudInstanceSchema, {
    provider: 'azure',
    instanceId,
    instanceType: textAt(compute, 'vmSize'),
    region: textAt(compute, 'location'),
    zone: textAt(compute, 'zone'),
  });
});
