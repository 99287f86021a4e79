// Fails where the documentation says what the code does not: a named test that is missing, a dead link, or a configuration
// reference (docs/configuration.md) that is not what the code generates. `--write` writes that reference.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationReference } from './checks/configuration-reference.ts';
import { linkProblems, markerProblems, testTitles } from './checks/doc-rules.ts';
import { type Problem, report } from './checks/problem.ts';
import { repositoryFiles, repositoryRoot } from './checks/repository-files.ts';

const configurationPath = 'docs/configuration.md';
const files = repositoryFiles();
const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');

function markers(): readonly Problem[] {
  // Contracts that several implementations keep have their tests in fixtures.
  const tests = files.filter((path) => /\.(?:test|fixture)\.ts$/.test(path));
  const titles = new Set(tests.flatMap((path) => testTitles(read(path))));
  return documents().flatMap((path) => markerProblems(path, read(path), titles));
}

function links(): readonly Problem[] {
  const known = new Set(files.flatMap((path) => [path, ...ancestors(path)]));
  return documents().flatMap((path) =>
    linkProblems(path, read(path), (target) => known.has(target.replace(/\/$/, ''))),
  );
}

function documents(): readonly string[] {
  return files.filter((path) => path.endsWith('.md') && !path.startsWith('scripts/'));
}

function ancestors(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

async function configuration(): Promise<readonly Problem[]> {
  const expected = await configurationReference(repositoryRoot);
  if (expected === undefined) {
    process.stdout.write(`check-docs: ${configurationPath} skipped, no program has a configuration yet\n`);
    return [];
  }
  if (process.argv.includes('--write')) writeFileSync(join(repositoryRoot, configurationPath), expected);
  const actual = files.includes(configurationPath) || process.argv.includes('--write') ? read(configurationPath) : '';
  return actual === expected
    ? []
    : [
        {
          path: configurationPath,
          message: 'is not what the code says; run: node --conditions=muster-source scripts/check-docs.ts --write',
        },
      ];
}

report('check-docs', [...markers(), ...links(), ...(await configuration())]);
