// Jest reporter: says how long the tests took and ends with the totals alone on a line, for people and for machines.
// A test file that could not run at all counts as one failure: its tests are unknown, and silence would look like success.
// MUSTER_TEST_TOTALS names a file that gets the same line, so that a caller can add several runs up.
const { writeFileSync } = require('node:fs');

module.exports = class TotalsReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const line = `${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped`;
    const file = process.env.MUSTER_TEST_TOTALS;
    if (file) writeFileSync(file, `${line}\n`);
    process.stdout.write(`\ntests took ${Math.round((Date.now() - results.startTime) / 1000)} s\n${line}\n`);
  }
};
