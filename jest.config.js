// Tests run the TypeScript sources themselves: types are stripped by Node, the type check is `tsc` (make lint).
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['muster-source', 'node', 'import', 'default'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/scripts/jest-strip-types.cjs' },
  testMatch: ['**/src/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '\\.long\\.test\\.ts$'],
  modulePathIgnorePatterns: ['/dist/'],
};
