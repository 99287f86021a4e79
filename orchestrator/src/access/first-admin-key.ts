// The key of the person who started the orchestrator for the first time: written to a file that only its user may read.
import { join } from 'node:path';
import { writeFileAtomic } from '@muster/common/disk/atomic-write';
import type { Disk } from '@muster/common/disk/disk';
import type { Logger } from '@muster/common/logging/logger';
import type { AccessStore } from './access-store.ts';
import type { ApiKeys } from './api-keys.ts';

/** What making it needs. */
export interface FirstAdminKeyDeps {
  readonly dataDirectory: string;
  readonly disk: Disk;
  readonly store: AccessStore;
  readonly keys: ApiKeys;
  readonly logger: Logger;
}

/** Where the first admin key is, whether or not it was made by this start. */
export function firstAdminKeyPath(dataDirectory: string): string {
  return join(dataDirectory, 'admin.token');
}

/**
 * Makes the first admin key where there is no key at all. The file comes first: after a crash in between it holds a key
 * that does not count, and the next start makes both anew.
 */
export async function ensureFirstAdminKey(deps: FirstAdminKeyDeps): Promise<void> {
  if (!(await deps.store.isEmpty())) return;
  const path = firstAdminKeyPath(deps.dataDirectory);
  const made = deps.keys.draft('admin', 'admin');
  await writeFileAtomic(deps.disk, path, `${made.text}\n`, 0o600);
  await deps.store.createKey(made.record);
  deps.logger.info({ file: path }, 'wrote the first admin key');
}
