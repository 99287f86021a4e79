/** What every driver on the node itself hands on from its context. */
import type { Preparation, PrepareContext } from '../jobs/attempt-ports.ts';

/** A start of this program in the surroundings of the context. */
export function readyLaunch(argv: readonly [string, ...string[]], context: PrepareContext): Preparation {
  const { workingDirectory, environment, stdinPath } = context;
  return {
    kind: 'ready',
    launch: { argv, workingDirectory, environment, ...(stdinPath === undefined ? {} : { stdinPath }) },
  };
}
