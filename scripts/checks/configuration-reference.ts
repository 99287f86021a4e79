// Generates docs/configuration.md from the field tables of the programs: every exported table whose name ends in Fields,
// in src/config.ts or src/config/ of each program. Needs `node --conditions=muster-source`, so that sources are read.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// In the order in which a newcomer meets them.
const programs = [
  { workspace: 'orchestrator', title: 'muster-orchestrator' },
  { workspace: 'agent', title: 'muster-agent' },
  { workspace: 'cli', title: 'muster' },
];

const head = `# Configuration

Generated from the code: to change it, change the field tables, then run \`node --conditions=muster-source scripts/check-docs.ts --write\`.

Each setting can be given as a flag, in the environment, or in the configuration file (YAML; dots in a name stand for
nesting). A flag wins over the environment, the environment over the file, the file over the default. What is unknown or
wrong is reported with its place and what to do, all at once.

- \`muster-orchestrator\` and \`muster-agent\` read the file that \`--config\` names (the orchestrator's may also stand in
  \`MUSTER_ORCHESTRATOR_CONFIG\`). \`--print-config\` prints what is in force as such a file, without secrets.
- \`muster\` reads \`~/.config/muster/config.yaml\`, or the file that \`--config\` names; paths in it are relative to it.
- Durations are written with a unit (\`100ms\`, \`10s\`, \`5m\`, \`2h\`), sizes too (\`64KiB\`, \`8MiB\`).
`;

/** The whole document; undefined when no program has a field table yet. Throws what a broken source throws. */
export async function configurationReference(root: string): Promise<string | undefined> {
  const describeFields = await describer(root);
  if (describeFields === undefined) return undefined;
  const sections: string[] = [];
  for (const { workspace, title } of programs) {
    for (const table of await fieldTables(root, workspace)) {
      sections.push(`\n## ${title}\n\n${describeFields(table).trim()}\n`);
    }
  }
  return sections.length === 0 ? undefined : head + sections.join('');
}

async function describer(root: string): Promise<((table: object) => string) | undefined> {
  const path = join(root, 'common/src/config/show-config.ts');
  if (!existsSync(path)) return undefined;
  const describeFields = new Map(await exportsOf(path)).get('describeFields');
  return typeof describeFields === 'function' ? (table) => String(describeFields(table)) : undefined;
}

async function fieldTables(root: string, workspace: string): Promise<readonly object[]> {
  const source = join(root, workspace, 'src');
  const folder = join(source, 'config');
  const paths = [
    join(source, 'config.ts'),
    ...(existsSync(folder) ? readdirSync(folder).sort() : [])
      .filter((name) => name.endsWith('.ts') && !/\.(?:test|fixture)\.ts$/.test(name))
      .map((name) => join(folder, name)),
  ].filter((path) => existsSync(path));
  const found: object[] = [];
  for (const path of paths) {
    for (const [name, value] of await exportsOf(path)) {
      if (/fields$/i.test(name) && typeof value === 'object' && value !== null) found.push(value);
    }
  }
  return found;
}

async function exportsOf(path: string): Promise<readonly (readonly [string, unknown])[]> {
  const module: unknown = await import(pathToFileURL(path).href);
  return typeof module === 'object' && module !== null ? Object.entries(module) : [];
}
