/** Amazon EC2: the instance metadata service, version 2, which wants a token first. */
import { create } from '@bufbuild/protobuf';
import { CloudInstanceSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import { makeAskCloud } from './cloud-answer.ts';
import { textAt } from './json-value.ts';

/** We ask once and at once. */
const TOKEN_TTL_SECONDS = '60';

/** Asks EC2. Clouds that imitate it (OpenStack) have no identity document, so they are not taken for it. */
export const askAws = makeAskCloud(async (ask) => {
  const ttl = { 'X-aws-ec2-metadata-token-ttl-seconds': TOKEN_TTL_SECONDS };
  const token = await ask('/latest/api/token', ttl, { method: 'PUT' });
  if (token === undefined) return undefined;
  const body = await ask('/latest/dynamic/instance-identity/document', { 'X-aws-ec2-metadata-token': token });
  if (body === undefined) return undefined;
  const document: unknown = JSON.parse(body);
  const instanceId = textAt(document, 'instanceId');
  if (instanceId === '') return undefined;
  return create(CloudInstanceSchema, {
    provider: 'aws',
    instanceId,
    instanceType: textAt(document, 'instanceType'),
    region: textAt(document, 'region'),
    zone: textAt(document, 'availabilityZone'),
  });
});
