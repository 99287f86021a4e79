/** The flags that every command has. */
import type { ConnectionFlags } from '../config/settings.ts';
import type { Options } from './options.ts';

/** What they said. */
export function connectionFlags(options: Options): ConnectionFlags {
  const url = options.text('url');
  const tokenFile = options.text('tokenFile');
  const caFile = options.text('caFile');
  const config = options.text('config');
  return {
    ...(url === undefined ? {} : { url }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(config === undefined ? {} : { config }),
  };
}
