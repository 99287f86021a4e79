/**
 * Words for a POSIX shell's command line, quoted so that every byte except NUL arrives as it is.
 */

/** Quotes one word: inside single quotes nothing is special, and a single quote itself is written outside of them. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** One command line of quoted words, newline included. The first word must be a plain command name. */
export function shellLine(command: string, words: readonly string[]): string {
  return `${command} ${words.map(shellWord).join(' ')}\n`;
}
