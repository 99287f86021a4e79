/**
 * Google Compute Engine. Three single values are asked for: the answer with all of them together has the instance's
 * attributes too, where people keep start scripts and keys.
 */
import { create } from '@bufbuild/protobuf';
import { CloudInstanceSchema } from '@muster/gen/muster/node/v1/fingerprint_pb';
import type { HttpAnswer } from './ask-http.ts';
import { makeAskCloud } from './cloud-answer.ts';

const flavor = { 'Metadata-Flavor': 'Google' };
/** Google puts the header into its answers, too, so that nobody else's are taken for them. */
const accept = ({ headers }: HttpAnswer): boolean => headers['metadata-flavor'] === 'Google';

/** Asks Compute Engine. */
export const askGcp = makeAskCloud(async (ask) => {
  const names = ['id', 'machine-type', 'zone'];
  const values = await Promise.all(
    names.map((name) => ask(`/computeMetadata/v1/instance/${name}`, flavor, { accept })),
  );
  const [instanceId, machineType, zonePath] = values;
  if (instanceId === undefined) return undefined;
  const zone = lastPart(zonePath);
  return create(CloudInstanceSchema, {
    provider: 'gcp',
    instanceId,
    instanceType: lastPart(machineType),
    // "europe-west1-b" is zone b of region europe-west1.
    region: zone.replace(/-[^-]*$/, ''),
    zone,
  });
});

/** Google gives whole paths: "projects/123/zones/europe-west1-b". */
function lastPart(path: string | undefined): string {
  return path?.split('/').at(-1) ?? '';
}
