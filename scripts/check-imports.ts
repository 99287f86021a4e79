// Fails where a source file imports what the table (checks/import-table.ts) does not allow it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importProblems } from './checks/import-rules.ts';
import { report } from './checks/problem.ts';
import { repositoryFiles, repositoryRoot } from './checks/repository-files.ts';

/** Dependencies a workspace may name: its own; tests also those at the root, where the tools are. */
function declaredBy(workspace: string, test: boolean): ReadonlySet<string> {
  const own = dependenciesIn(join(workspace, 'package.json'));
  const tools = test || ['testing', 'e2e', 'bench'].includes(workspace) ? dependenciesIn('package.json') : [];
  // A test may use whatever the package it tests, or the harness, already brings.
  return new Set([...own, ...tools, ...(test ? dependenciesIn('testing/package.json') : [])]);
}

function dependenciesIn(path: string): readonly string[] {
  const parsed: unknown = JSON.parse(readFileSync(join(repositoryRoot, path), 'utf8'));
  if (typeof parsed !== 'object' || parsed === null) return [];
  return Object.entries(parsed).flatMap(([key, value]: [string, unknown]) =>
    /^(?:d|devD|optionalD|peerD)ependencies$/.test(key) && typeof value === 'object' && value !== null
      ? Object.keys(value)
      : [],
  );
}

const sources = repositoryFiles().filter((path) => /^[^/]+\/src\/.*\.(?:d\.)?(?:ts|tsx|js)$/.test(path));

report(
  'check-imports',
  sources.flatMap((path) =>
    importProblems({
      path,
      text: readFileSync(join(repositoryRoot, path), 'utf8'),
      declared: declaredBy(path.split('/')[0] ?? '', /\.(?:test|fixture)\.ts$/.test(path)),
    }),
  ),
);
