/** How a declared command reaches its code. */
import type { Command } from '../context.ts';

/** Makes commander's action of a function that loads the command. */
export type Action = (load: () => Promise<Command>) => (...commanderArguments: unknown[]) => Promise<void>;
