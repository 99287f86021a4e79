// Tests run the TypeScript sources themselves: types are stripped by Node, the type check is `tsc` (make lint).
// MUSTER_TESTS=long selects the *.long.test.ts files instead of the short ones (make test-long).
// biome-ignore lint/style/noProcessEnv: Jest has no other way to hand a choice to its configuration file
const long = process.env.MUSTER_TESTS === 'long';

export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['muster-source', 'node', 'import', 'default'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/scripts/jest-strip-types.cjs' },
  // Real processes and sockets on a busy machine: five seconds, Jest's own limit, are not always enough. What hangs still ends.
  testTimeout: 30_000,
  testMatch: long
    ? ['**/src/**/*.long.test.ts']
    : ['**/src/**/*.test.ts', '<rootDir>/scripts/**/*.test.ts', '!**/*.long.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['/dist/'],
  // Jest leaves one core idle by default: half the machine where there are two. Long tests measure time and memory, so they run alone.
  maxWorkers: long ? 1 : '100%',
  // ESM modules of a finished test file stay in their worker's memory; past this size the worker is replaced.
  workerIdleMemoryLimit: '512MB',
  reporters: ['default', '<rootDir>/scripts/jest-totals.cjs'],
};
