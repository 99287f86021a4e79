// What documentation promises and a machine can hold it to: test markers and links. Pure: text in, problems out.
//
// A sentence of docs/protocol.md that a test proves ends with the test's title:
//   The first frame of a session is `hello`. <!-- test: ends the session when the first frame is not hello -->
// One marker may name several tests, separated by ` | `.
import { posix } from 'node:path';
import type { Problem } from './problem.ts';
import { lineAt } from './source-text.ts';

const titlePattern =
  /\b(?:it|test)(?:\.\w+)*\s*(?:\(\s*|\([^'"`]*?\)\s*\(\s*)(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`([^`$]*)`)/g;
const eachPattern = /\]\s*(?:as const\s*)?\)\s*\(\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")/g;

/** The titles of all tests in a test file's text, unescaped. */
export function testTitles(source: string): readonly string[] {
  return [...source.matchAll(titlePattern), ...source.matchAll(eachPattern)].map((match) =>
    (match[1] ?? match[2] ?? match[3] ?? '').replace(/\\(.)/g, '$1'),
  );
}

/** Markers whose test does not exist. */
export function markerProblems(path: string, text: string, titles: ReadonlySet<string>): readonly Problem[] {
  return [...withoutCode(text).matchAll(/<!--\s*test:\s*([\s\S]*?)\s*-->/g)].flatMap((match) =>
    (match[1] ?? '')
      .split(' | ')
      .map((title) => title.replace(/\s+/g, ' ').trim())
      .filter((title) => !titles.has(title))
      .map((title) => ({
        path,
        line: lineAt(text, match.index),
        message: `no test is titled "${title}"; write it, or correct the marker`,
      })),
  );
}

/** Relative links in a Markdown file that lead nowhere. `exists` gets a path from the root. */
export function linkProblems(path: string, text: string, exists: (path: string) => boolean): readonly Problem[] {
  return [...withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g)].flatMap((match) => {
    const target = (match[1] ?? '').split('#')[0] ?? '';
    if (target === '' || /^[a-z][a-z+.-]*:/i.test(target)) return [];
    const full = posix.normalize(target.startsWith('/') ? target.slice(1) : posix.join(posix.dirname(path), target));
    return exists(full) ? [] : [{ path, line: lineAt(text, match.index), message: `link to ${target}: no such file` }];
  });
}

// Blocks and inline code show how something is written; they promise nothing. Code inside a comment is the comment's.
function withoutCode(text: string): string {
  return text.replace(/<!--[\s\S]*?-->|^(```|~~~)[\s\S]*?^\1|`[^`\n]+`/gm, (part) =>
    part.startsWith('<!--') ? part : part.replace(/[^\n]/g, ' '),
  );
}
