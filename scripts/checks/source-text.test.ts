import { describe, expect, it } from '@jest/globals';
import { blankOut, findImports } from './source-text.ts';

describe('findImports', () => {
  it('finds every form of import, with its line', () => {
    const source = [
      "import a from 'a';",
      'import {',
      '  b,',
      "} from 'b';",
      "export * from './c.ts';",
      "import 'd';",
      "const e = await import('e');",
      'import type { F } from "f";',
    ].join('\n');
    expect(findImports(source)).toEqual([
      { specifier: 'a', line: 1, typeOnly: false },
      { specifier: 'b', line: 4, typeOnly: false },
      { specifier: './c.ts', line: 5, typeOnly: false },
      { specifier: 'd', line: 6, typeOnly: false },
      { specifier: 'f', line: 8, typeOnly: true },
      { specifier: 'e', line: 7, typeOnly: false },
    ]);
  });

  it('does not find what only stands in a comment or a template', () => {
    const source = [
      "// import 'a';",
      "/* import 'b'; */",
      'const text = `',
      "import 'c';",
      '$' + '{`import "d"`}`;',
    ].join('\n');
    expect(findImports(source)).toEqual([]);
  });

  it('does not take a call or a value named like an import for one', () => {
    const source = "const a = AppError.from('a text');\nexport const from = 'b';\nconst c = Buffer.from('c');";
    expect(findImports(source)).toEqual([]);
  });

  it('is not led astray by a quote in a pattern or a slash in a division', () => {
    expect(findImports("const quote = /['`\"]/;\nconst half = a / 2; // '\nimport 'x';")).toEqual([
      { specifier: 'x', line: 3, typeOnly: false },
    ]);
  });
});

describe('blankOut', () => {
  it('keeps length and line breaks', () => {
    const source = "a('b'); /* c\nd */ `e\n$" + "{f('}')}` // g\n";
    const blanked = blankOut(source, 'blank');
    expect(blanked).toHaveLength(source.length);
    expect(blanked.split('\n').map((line) => line.trim())).toEqual(['a(   );', '', '', '']);
  });
});
