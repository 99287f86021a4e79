// Who may import whom. This table is the architecture: a change here is a change of design and belongs in
// CONTRIBUTING.md too. Folders that are not named have only the rules of their package.

/** A package's own rules. Names are folder names of workspaces, without the scope. */
export interface PackageRule {
  /** Workspaces whose sources it may import. */
  readonly may: readonly string[];
  /** Additionally, from *.test.ts and *.fixture.ts. */
  readonly testsMay: readonly string[];
}

/** Every workspace. One that is missing here may not exist. */
export const packages: Readonly<Record<string, PackageRule>> = {
  gen: { may: [], testsMay: [] },
  common: { may: ['gen'], testsMay: ['testing'] },
  orchestrator: { may: ['common', 'gen'], testsMay: ['testing'] },
  agent: { may: ['common', 'gen'], testsMay: ['testing'] },
  cli: { may: ['common', 'gen'], testsMay: ['testing'] },
  dashboard: { may: ['gen'], testsMay: ['testing'] },
  testing: { may: ['gen', 'common', 'orchestrator', 'agent', 'cli'], testsMay: [] },
  e2e: { may: ['gen', 'common', 'testing'], testsMay: [] },
  bench: { may: ['gen', 'common', 'orchestrator', 'agent', 'cli', 'testing'], testsMay: [] },
};

/** What a folder must not import from its own package, with the way out. */
export interface FolderRule {
  readonly folder: string;
  readonly mayNot: readonly string[] | 'siblings';
  readonly instead: string;
}

const ports = 'declare a narrow port here and join the two in compose.ts';

/** Folders inside a package, as workspace/src/folder. Tests are free of these. */
export const folders: readonly FolderRule[] = [
  { folder: 'orchestrator/src/domain', mayNot: 'siblings', instead: 'the domain is pure: pass it what it needs' },
  { folder: 'agent/src/domain', mayNot: 'siblings', instead: 'the domain is pure: pass it what it needs' },
  { folder: 'orchestrator/src/sessions', mayNot: ['store', 'dispatch', 'drivers', 'api', 'pki'], instead: ports },
  { folder: 'agent/src/connection', mayNot: ['store', 'dispatch', 'drivers', 'fingerprint'], instead: ports },
  { folder: 'orchestrator/src/dispatch', mayNot: ['store', 'api', 'pki'], instead: ports },
  { folder: 'orchestrator/src/jobs', mayNot: ['store', 'api', 'pki'], instead: ports },
  { folder: 'orchestrator/src/logs', mayNot: ['store', 'api', 'pki'], instead: ports },
  { folder: 'orchestrator/src/store', mayNot: ['api', 'dispatch'], instead: 'the consumer declares the port' },
  { folder: 'orchestrator/src/wire', mayNot: ['store', 'dispatch', 'api', 'pki'], instead: ports },
  { folder: 'agent/src/drivers', mayNot: ['connection', 'assignments', 'identity'], instead: ports },
  { folder: 'agent/src/fingerprint', mayNot: ['connection', 'drivers', 'identity'], instead: ports },
];

/** The pure parts of common that a domain may use. */
export const pureCommon: readonly string[] = ['assert-never', 'backoff', 'errors', 'format', 'ids'];

/** The one owner of each outside dependency: path prefixes. A key ending in / stands for every package in that scope. */
export const owners: Readonly<Record<string, readonly string[]>> = {
  '@grpc/grpc-js': [
    'common/src/grpc/',
    'common/src/tls/',
    'common/src/errors/grpc-status.ts',
    'orchestrator/src/sessions/',
    'agent/src/connection/',
  ],
  '@connectrpc/': [
    'common/src/errors/connect-status.ts',
    'orchestrator/src/api/',
    'agent/src/identity/enroll.ts',
    'cli/src/client/',
    'dashboard/src/api/',
  ],
  'drizzle-orm': ['orchestrator/src/store/'],
  'better-sqlite3': ['orchestrator/src/store/'],
  dockerode: ['agent/src/drivers/container/'],
  systeminformation: ['agent/src/fingerprint/'],
  '@peculiar/x509': ['orchestrator/src/pki/', 'agent/src/identity/'],
  'reflect-metadata': ['orchestrator/src/pki/', 'agent/src/identity/'],
  pino: ['common/src/logging/'],
  'pino-pretty': ['common/src/logging/'],
  'node:timers': ['common/src/clock/'],
  'node:timers/promises': ['common/src/clock/'],
};

/** Globals with one owner: what production code uses instead is injected. */
export const ownedGlobals: readonly { pattern: RegExp; owner: string; instead: string }[] = [
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|(?<![.\w])set(?:Timeout|Interval)\(/g,
    owner: 'common/src/clock/',
    instead: 'take a Clock',
  },
  { pattern: /\bMath\.random\(|\brandomUUID\(/g, owner: 'common/src/random/', instead: 'take a Random or Ids' },
];
