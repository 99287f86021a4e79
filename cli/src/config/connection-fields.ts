/** The settings of the command as the reference in docs/ shows them. settings.ts reads them, without loading more than it needs. */
import { optional, pathField, stringField } from '@muster/common/config/fields';

/** The table; docs/ prints it. */
export const connectionFields = {
  url: stringField({
    name: 'url',
    flag: 'url',
    env: 'MUSTER_URL',
    unit: 'https://HOST:PORT',
    description: "The orchestrator's control door.",
  }),
  tokenFile: optional(
    pathField({
      name: 'token_file',
      flag: 'token-file',
      env: 'MUSTER_TOKEN_FILE',
      description: 'File that holds your key. This or MUSTER_TOKEN is required.',
    }),
  ),
  token: optional(
    stringField({
      name: 'token',
      env: 'MUSTER_TOKEN',
      secret: true,
      description:
        'Your key itself; in the environment only. --token-file wins over it, it wins over MUSTER_TOKEN_FILE.',
    }),
  ),
  caFile: optional(
    pathField({
      name: 'ca_file',
      flag: 'ca-file',
      env: 'MUSTER_CA_FILE',
      description: "The authority to trust: the orchestrator's ca.pem. Unset: the system's authorities.",
    }),
  ),
};
