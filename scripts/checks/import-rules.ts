// Judges one source file against the import table. Pure: text and table in, problems out.
import { posix } from 'node:path';
import { folders, ownedGlobals, owners, packages, pureCommon } from './import-table.ts';
import type { Problem } from './problem.ts';
import { blankOut, type FoundImport, findImports, lineAt } from './source-text.ts';

/** A source file: its path from the root with forward slashes, its text, and the dependencies its package declares. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly declared: ReadonlySet<string>;
}

interface Place {
  readonly path: string;
  readonly workspace: string;
  readonly test: boolean;
  /** Free of the rules for production code: tests, and the workspaces that are only for tests and measurements. */
  readonly free: boolean;
}

const scope = '@muster/';

/** Every violation in the file, in order. Files outside a workspace have no rules. */
export function importProblems(file: SourceFile): readonly Problem[] {
  const place = placeOf(file.path);
  if (packages[place.workspace] === undefined) {
    return [
      {
        path: file.path,
        message: `workspace ${place.workspace} is not in scripts/checks/import-table.ts; add it there`,
      },
    ];
  }
  const imports = findImports(file.text).flatMap((found) => {
    const message = importProblem(place, found, file.declared);
    return message === undefined ? [] : [{ path: file.path, line: found.line, message }];
  });
  return place.free ? imports : [...imports, ...globalProblems(file)];
}

function placeOf(path: string): Place {
  const workspace = path.split('/')[0] ?? '';
  const test = /\.(?:test|fixture)\.ts$/.test(path);
  return { path, workspace, test, free: test || ['testing', 'e2e', 'bench'].includes(workspace) };
}

function importProblem(place: Place, found: FoundImport, declared: ReadonlySet<string>): string | undefined {
  const { specifier } = found;
  if (specifier.startsWith('.')) return relativeProblem(place, specifier);
  if (specifier.startsWith(scope)) return workspaceProblem(place, specifier);
  return outsideProblem(place, found, declared);
}

function relativeProblem(place: Place, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(place.path), specifier);
  if (!target.startsWith(`${place.workspace}/`)) {
    return `${specifier} leaves the workspace; import ${scope}… instead, where the table allows it`;
  }
  if (place.workspace !== 'gen' && !/\.(?:ts|json|js)$/.test(specifier)) {
    return `${specifier} needs its .ts extension: Node runs the sources as they are`;
  }
  if (!place.test && /\.(?:test|fixture)\.ts$/.test(target)) {
    return `${specifier} is test code; move what is shared into a file of its own`;
  }
  return place.free ? undefined : folderProblem(place, target);
}

function folderProblem(place: Place, target: string): string | undefined {
  const name = posix.basename(target);
  const targetDepth = target.split('/').length;
  // compose.ts is the composition root: below it nobody knows who else is there.
  if (targetDepth === 3 && /^(?:main|compose)\.ts$/.test(name) && !/\/(?:main|compose)\.ts$/.test(place.path)) {
    return `${name} constructs everything and is imported by main alone; ask for a port instead`;
  }
  for (const rule of folders) {
    if (!place.path.startsWith(`${rule.folder}/`) || target.startsWith(`${rule.folder}/`)) continue;
    const sibling = target.split('/')[2] ?? '';
    if (rule.mayNot === 'siblings' || rule.mayNot.includes(sibling)) {
      return `${rule.folder} must not import ${sibling}; ${rule.instead}`;
    }
  }
  return undefined;
}

function workspaceProblem(place: Place, specifier: string): string | undefined {
  const [name = '', ...path] = specifier.slice(scope.length).split('/');
  if (name === place.workspace) return `${specifier} is this package itself; import it by a relative path`;
  const rule = packages[place.workspace];
  const allowed = rule !== undefined && (rule.may.includes(name) || (place.test && rule.testsMay.includes(name)));
  if (!allowed) {
    const list = rule === undefined || rule.may.length === 0 ? 'no workspace' : rule.may.join(', ');
    const tests = name === 'testing' ? '; only tests import testing' : '';
    return `${place.workspace} must not import ${scope}${name}; it may import ${list}${tests}`;
  }
  if (path.at(-1) === 'main')
    return `${specifier} starts a program when it is imported; import its compose or start the binary`;
  // The contract is data and enums: as pure as the domain itself.
  if (isDomain(place) && name === 'common' && !pureCommon.includes(path[0] ?? '')) {
    return `domain is pure and imports of ${scope}common only ${pureCommon.join(', ')}; inject the rest`;
  }
  return undefined;
}

function outsideProblem(
  place: Place,
  { specifier, typeOnly }: FoundImport,
  declared: ReadonlySet<string>,
): string | undefined {
  // The well-known types come with pure functions only; of the runtime a domain knows the types.
  const messageType = specifier === '@bufbuild/protobuf/wkt' || (typeOnly && specifier === '@bufbuild/protobuf');
  if (isDomain(place) && !messageType) return `domain is pure and imports no ${specifier}; inject what it does`;
  if (!specifier.startsWith('node:') && !declared.has(packageName(specifier))) {
    return `${packageName(specifier)} is not a dependency of ${place.workspace}/package.json; declare it there`;
  }
  if (place.free) return undefined;
  for (const [dependency, homes] of Object.entries(owners)) {
    const same = dependency.endsWith('/')
      ? specifier.startsWith(dependency)
      : specifier === dependency || specifier.startsWith(`${dependency}/`);
    if (same && !homes.some((home) => place.path.startsWith(home))) {
      return `${specifier} belongs to ${homes.join(', ')}; go through a port of theirs`;
    }
  }
  return undefined;
}

function globalProblems(file: SourceFile): readonly Problem[] {
  const code = blankOut(file.text, 'blank');
  return ownedGlobals.flatMap(({ pattern, owner, instead }) =>
    file.path.startsWith(owner)
      ? []
      : [...code.matchAll(pattern)].map((match) => ({
          path: file.path,
          line: lineAt(code, match.index),
          message: `${match[0]} belongs to ${owner}; ${instead}`,
        })),
  );
}

function isDomain(place: Place): boolean {
  return !place.test && /^[^/]+\/src\/domain\//.test(place.path);
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
