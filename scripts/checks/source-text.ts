// Reads what the checks need out of a TypeScript source without a parser: the code with comments and text blanked out,
// and the module specifiers it imports. Positions are kept, so that a line number found in the blanked code is true.
// Invariant: the result has the length and the line breaks of the input.

/** One import, export-from, side-effect import or dynamic import with a literal specifier. */
export interface FoundImport {
  readonly specifier: string;
  /** Counted from 1: the line of the specifier. */
  readonly line: number;
  /** `import type` or `export type`: gone at run time. */
  readonly typeOnly: boolean;
}

// A static import begins its line; up to `from` it has names only.
const staticPattern = /^[ \t]*(import|export)\s(\s*type\s)?(?:[^'"();=]*?\bfrom\s*)?(?:'([^'\n]+)'|"([^"\n]+)")/gm;
const dynamicPattern = /\bimport\s*\(\s*(?:'([^'\n]+)'|"([^"\n]+)")/g;

/** Blanks comments and template literals; quoted strings stay when `strings` is 'keep' (specifiers live there). */
export function blankOut(source: string, strings: 'keep' | 'blank'): string {
  let result = '';
  let at = 0;
  while (at < source.length) {
    const end = spanEnd(source, at);
    if (end === undefined) {
      result += source.charAt(at);
      at += 1;
      continue;
    }
    const text = source.slice(at, end);
    const quoted = source.charAt(at) === "'" || source.charAt(at) === '"';
    result += quoted && strings === 'keep' ? text : text.replace(/[^\n]/g, ' ');
    at = end;
  }
  return result;
}

/** Every specifier: static ones first, then dynamic ones. Type-only imports count too: a direction is a direction. */
export function findImports(source: string): readonly FoundImport[] {
  const code = blankOut(source, 'keep');
  const statics = [...code.matchAll(staticPattern)].map((match) => ({
    specifier: match[3] ?? match[4] ?? '',
    line: lineAt(code, match.index + match[0].length),
    typeOnly: match[2] !== undefined,
  }));
  const dynamics = [...code.matchAll(dynamicPattern)].map((match) => ({
    specifier: match[1] ?? match[2] ?? '',
    line: lineAt(code, match.index + match[0].length),
    typeOnly: false,
  }));
  return [...statics, ...dynamics];
}

/** The line, from 1, of a position. */
export function lineAt(source: string, position: number): number {
  return source.slice(0, position).split('\n').length;
}

// Where the comment, string, template or pattern that begins here ends; undefined when none begins here.
function spanEnd(source: string, at: number): number | undefined {
  const two = source.slice(at, at + 2);
  if (two === '//') return endOf(source, '\n', at, 0);
  if (two === '/*') return endOf(source, '*/', at + 2, 2);
  const char = source.charAt(at);
  if (char === '`') return templateEnd(source, at + 1);
  if (char === "'" || char === '"') return quotedEnd(source, at + 1, char);
  return char === '/' && regexMayStart(source, at) ? regexEnd(source, at + 1) : undefined;
}

function endOf(source: string, mark: string, from: number, markLength: number): number {
  const found = source.indexOf(mark, from);
  return found < 0 ? source.length : found + markLength;
}

// A string ends at its quote or, broken, at the end of its line: one misread character cannot swallow the file.
function quotedEnd(source: string, from: number, quote: string): number {
  for (let at = from; at < source.length; at += 1) {
    const char = source.charAt(at);
    if (char === '\\') at += 1;
    else if (char === quote) return at + 1;
    else if (char === '\n') return at;
  }
  return source.length;
}

// Holes may hold templates of their own; quotes inside a hole are ordinary strings.
function templateEnd(source: string, from: number): number {
  let depth = 0;
  for (let at = from; at < source.length; at += 1) {
    const char = source.charAt(at);
    if (char === '\\') at += 1;
    else if (depth === 0 && char === '`') return at + 1;
    else if (source.startsWith('${', at)) {
      depth += 1;
      at += 1;
    } else if (depth > 0 && char === '`') at = templateEnd(source, at + 1) - 1;
    else if (depth > 0 && (char === "'" || char === '"')) at = quotedEnd(source, at + 1, char) - 1;
    else if (depth > 0 && char === '{') depth += 1;
    else if (depth > 0 && char === '}') depth -= 1;
  }
  return source.length;
}

// A slash divides after a value and starts a pattern after an operator, a bracket or a keyword such as return.
function regexMayStart(source: string, at: number): boolean {
  const before = source.slice(Math.max(0, at - 40), at).trimEnd();
  return before === '' || /[=(,:;!&|?{}[+~>*%^<-]$|\b(?:return|typeof|case|in|of|await|yield)$/.test(before);
}

function regexEnd(source: string, from: number): number | undefined {
  let inClass = false;
  for (let at = from; at < source.length; at += 1) {
    const char = source.charAt(at);
    if (char === '\n') return undefined;
    if (char === '\\') at += 1;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) return at + 1;
  }
  return undefined;
}
