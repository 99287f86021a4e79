/** What every command gets beside its own arguments: the outside world, as ports. */
import type { Clock } from '@muster/common/clock/clock';
import type { Random } from '@muster/common/random/random';
import type { ControlDoor } from './client/control-door.ts';
import type { Environment } from './config/settings.ts';
import type { Output } from './output/output.ts';
import type { Options } from './program/options.ts';

/** Ctrl-C, for commands that make something of it. */
export interface Interrupts {
  /** Calls `listener` on each Ctrl-C until disposed. While nobody listens, Ctrl-C ends the command with 130. */
  listen(listener: () => void): Disposable;
}

/** The outside world of one command. */
export interface CommandContext {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Standard input, whole; at most `limitBytes`. Throws AppError invalid_argument beyond. */
  readStdin(limitBytes: number): Promise<Uint8Array>;
  readonly clock: Clock;
  readonly random: Random;
  readonly env: Environment;
  /** Aborts when the command shall end: SIGTERM, or Ctrl-C where nobody listens. */
  readonly signal: AbortSignal;
  readonly interrupts: Interrupts;
  /** Opens the control door by the command's flags, the environment and the file. Throws AppError for what is missing. */
  open(options: Options): Promise<ControlDoor>;
}

/** What the user gave. */
export interface CommandInput {
  readonly args: readonly string[];
  readonly options: Options;
}

/** A command: returns its exit code, throws AppError or what a call threw. */
export type Command = (input: CommandInput, context: CommandContext) => Promise<number>;
