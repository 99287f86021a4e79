/** Where things lie in the agent's state directory, and that only the agent's user may look into it. */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk } from '@muster/common/disk/disk';
import { AppError } from '@muster/common/errors/app-error';

/** Paths inside the state directory. */
export interface StateDirectory {
  readonly path: string;
  /** The node's private key, PKCS#8 PEM, 0600. */
  readonly keyPath: string;
  /** Who this node is: certificate, authorities, addresses. */
  readonly nodePath: string;
  readonly ledgerPath: string;
  /** Files of the runs, kept by the supervisor. */
  readonly runsPath: string;
  /** One directory per attempt. */
  readonly workPath: string;
}

/** Only the owner: it holds the key, scripts and output of jobs. */
const OWNER_ONLY = 0o700;

/** Makes the directory where it is absent and closes it to others where it is open. @throws AppError failed_precondition */
export async function openStateDirectory(disk: Disk, path: string): Promise<StateDirectory> {
  const state: StateDirectory = {
    path,
    keyPath: join(path, 'node-key.pem'),
    nodePath: join(path, 'node.json'),
    ledgerPath: join(path, 'ledger'),
    runsPath: join(path, 'runs'),
    workPath: join(path, 'work'),
  };
  try {
    for (const directory of [path, state.runsPath, state.workPath]) {
      await disk.mkdir(directory, { recursive: true, mode: OWNER_ONLY });
    }
    await chmod(path, OWNER_ONLY);
  } catch (error) {
    throw new AppError('failed_precondition', `cannot use ${path}: ${AppError.from(error).message}`, {
      field: '--state-dir',
      cause: error,
    });
  }
  return state;
}
