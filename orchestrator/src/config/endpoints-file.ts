// DIR/endpoints.json: where this orchestrator is reached, for scripts and the muster command. Written when both doors are
// open, replaced at each start, and left behind at the end (its reader finds a door closed, not a file missing).
import { join } from 'node:path';
import { writeFileAtomic } from '@muster/common/disk/atomic-write';
import type { Disk } from '@muster/common/disk/disk';

/** What the file says. */
export interface Endpoints {
  /** The agent door, host:port. */
  readonly agentAddress: string;
  /** The control door, https://host:port. */
  readonly controlUrl: string;
  /** The certificate to trust, PEM. */
  readonly caFile: string;
  /** The first admin key. */
  readonly adminTokenFile: string;
}

/** Writes it; returns its path. */
export async function writeEndpointsFile(disk: Disk, dataDirectory: string, endpoints: Endpoints): Promise<string> {
  const path = join(dataDirectory, 'endpoints.json');
  const text = {
    agent_address: endpoints.agentAddress,
    control_url: endpoints.controlUrl,
    ca_file: endpoints.caFile,
    admin_token_file: endpoints.adminTokenFile,
  };
  await writeFileAtomic(disk, path, `${JSON.stringify(text, undefined, 2)}\n`, 0o644);
  return path;
}
