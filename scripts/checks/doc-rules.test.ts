import { describe, expect, it } from '@jest/globals';
import { linkProblems, markerProblems, testTitles } from './doc-rules.ts';

describe('testTitles', () => {
  it('finds plain, quoted, escaped and tabled titles', () => {
    const source = [
      "it('sends hello first', async () => {});",
      'test("says \'no\'", () => {});',
      "it.skip('waits for the node\\'s answer', () => {});",
      "it.each(['a', 'b'])('refuses %s', () => {});",
      "it.each([\n  ['a', 1],\n])('counts %s', () => {});",
    ].join('\n');
    expect(new Set(testTitles(source))).toEqual(
      new Set(['sends hello first', "says 'no'", "waits for the node's answer", 'refuses %s', 'counts %s']),
    );
  });
});

describe('markerProblems', () => {
  const titles = new Set(['sends hello first', 'ends on a gap']);

  it('accepts a marker whose tests exist, also broken over lines', () => {
    const text = 'Hello first. <!-- test: sends\n  hello first | ends on a gap -->';
    expect(markerProblems('docs/protocol.md', text, titles)).toEqual([]);
  });

  it('leaves a marker that is only shown as code alone, and reads code inside a marker', () => {
    const text = 'Write `<!-- test: like this -->`. So. <!-- test: answers `keep` -->';
    expect(markerProblems('docs/protocol.md', text, new Set(['answers `keep`']))).toEqual([]);
  });

  it('names the line and the test that is missing', () => {
    const text = 'One.\nTwo. <!-- test: sends hello twice -->';
    expect(markerProblems('docs/protocol.md', text, titles)).toEqual([
      { path: 'docs/protocol.md', line: 2, message: expect.stringContaining('"sends hello twice"') },
    ]);
  });
});

describe('linkProblems', () => {
  const exists = (path: string) => ['README.md', 'docs/protocol.md'].includes(path);

  it('follows links from the file they stand in', () => {
    expect(
      linkProblems('docs/nomenclature.md', '[a](protocol.md#x) [b](../README.md) [c](https://x.test)', exists),
    ).toEqual([]);
  });

  it('names a link that leads nowhere, and leaves code blocks alone', () => {
    const text = 'See [a](gone.md).\n```\n[b](gone.md)\n```\n';
    expect(linkProblems('docs/nomenclature.md', text, exists)).toHaveLength(1);
  });
});
