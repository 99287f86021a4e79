/** Lines on standard error that are for the person, not for a script. */
import type { CommandContext } from '../context.ts';
import { safeText } from '../output/terminal-safe.ts';

/** Writes `muster: <line>` to standard error. */
export async function note(context: CommandContext, line: string): Promise<void> {
  await context.stderr.write(`muster: ${context.stderr.isTerminal ? safeText(line) : line}\n`);
}

/** The same, but only where a person looks at it: hints. */
export async function hint(context: CommandContext, line: string): Promise<void> {
  if (context.stderr.isTerminal) await note(context, line);
}
