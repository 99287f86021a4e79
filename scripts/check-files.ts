// Fails where a file is too long, has a name that says nothing, is a barrel, or names one machine.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileProblems, type Machine } from './checks/file-rules.ts';
import { report } from './checks/problem.ts';
import { repositoryFiles, repositoryRoot } from './checks/repository-files.ts';

const text =
  /\.(?:ts|tsx|js|cjs|mjs|json|md|proto|sh|ya?ml|css|html|sql|service|toml)$|(?:^|\/)(?:Makefile|Dockerfile\S*|run|LICENSE)$/;

function thisMachine(): Machine {
  // A checkout directly under / has a path too common to search for.
  const deep = repositoryRoot.split('/').length > 2;
  const registry = new URL(npmRegistry()).host;
  return {
    privateTexts: [
      ...(deep ? [`${repositoryRoot}/`] : []),
      ...(/(?:^|\.)(?:npmjs\.(?:org|com)|yarnpkg\.com)$|^localhost\b/.test(registry) ? [] : [registry]),
    ],
  };
}

function npmRegistry(): string {
  try {
    const answer = execFileSync('npm', ['config', 'get', 'registry'], {
      cwd: repositoryRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return URL.canParse(answer) ? answer : 'https://registry.npmjs.org/';
  } catch {
    // Without npm there is no registry of this machine to leak.
    return 'https://registry.npmjs.org/';
  }
}

const machine = thisMachine();
report(
  'check-files',
  repositoryFiles()
    .filter((path) => text.test(path))
    .flatMap((path) => fileProblems(path, readFileSync(join(repositoryRoot, path), 'utf8'), machine)),
);
