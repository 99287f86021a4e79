// Judges one file by its name, size and words. Pure: path and text in, problems out.
import type { Problem } from './problem.ts';
import { blankOut, lineAt } from './source-text.ts';

/** What only the machine knows, so that it cannot stand in a rule. */
export interface Machine {
  /** Texts that would name this machine or its surroundings: the checkout's path, the host of a private registry. */
  readonly privateTexts: readonly string[];
}

// Larger than this, a file is about more than one thing (CONTRIBUTING.md).
const maxLines = 400;
// Written by a tool, or prose and contract whose length is not a fault.
const anyLength =
  /^(?:gen\/src\/|LICENSE$|package-lock\.json$)|\/(?:drizzle|migrations)\/|\.(?:md|proto|svg|sql|snap)$/;
const code = /\.(?:ts|tsx|js|cjs|mjs)$/;
// Names that say nothing about what is inside, so that everything ends up there.
const emptyNames = /^(?:utils?|helpers?|manager|types|common|misc|shared|constants|index|barrel)$/;
const classPattern = /\bclass\s+(Muster|Orchestrator|Agent|\w*(?:Manager|Helpers?|Utils?|Handler\d+))\b/g;
const reExportPattern = /^export\s+(?:type\s+)?(?:\*|\{[^}]*\})(?:\s+as\s+\w+)?\s+from\b.*$/gm;

/** Every violation in the file. */
export function fileProblems(path: string, text: string, machine: Machine): readonly Problem[] {
  const generated = path.startsWith('gen/src/');
  return [
    ...lengthProblems(path, text),
    ...privateProblems(path, text, machine),
    ...(code.test(path) && !generated ? [...nameProblems(path), ...codeProblems(path, text)] : []),
  ];
}

function lengthProblems(path: string, text: string): readonly Problem[] {
  const lines = text.split('\n').length - 1;
  if (anyLength.test(path) || lines <= maxLines) return [];
  return [{ path, message: `${lines} lines, more than ${maxLines}; split it by what it is about` }];
}

function nameProblems(path: string): readonly Problem[] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const stem = name.slice(0, name.indexOf('.'));
  if (emptyNames.test(stem) && !path.startsWith('dashboard/')) {
    return [{ path, message: `${name} says nothing about its content; name it after the one thing in it` }];
  }
  return /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(stem) ? [] : [{ path, message: `${name} is not in kebab-case; rename it` }];
}

function codeProblems(path: string, text: string): readonly Problem[] {
  const blanked = blankOut(text, 'keep');
  const bare = blankOut(text, 'blank');
  const classes = [...bare.matchAll(classPattern)].map((match) => ({
    path,
    line: lineAt(bare, match.index),
    message: `class ${match[1] ?? ''}: name it after the one thing it owns (no product class, no Manager, Helper, Utils)`,
  }));
  const reExports = [...blanked.matchAll(reExportPattern)];
  const rest = blanked.replace(reExportPattern, '').trim();
  const barrel = reExports.length > 0 && rest === '';
  return barrel ? [...classes, { path, message: 'only re-exports: no barrels, import the file itself' }] : classes;
}

function privateProblems(path: string, text: string, machine: Machine): readonly Problem[] {
  return machine.privateTexts.flatMap((word) => {
    const at = text.indexOf(word);
    return at < 0
      ? []
      : [{ path, line: lineAt(text, at), message: `${word} belongs to one machine; write it without` }];
  });
}
