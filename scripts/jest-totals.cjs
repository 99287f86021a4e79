// Jest reporter: writes `N passed, N failed, N skipped` and the seconds taken to the file that MUSTER_TEST_TOTALS names;
// scripts/test.sh prints them when Jest has said its last word.
// A test file that could not run at all counts as one failure: its tests are unknown, and silence would look like success.
const { writeFileSync } = require('node:fs');

module.exports = class TotalsReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.MUSTER_TEST_TOTALS;
    if (!file) return;
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    writeFileSync(file, `${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`);
  }
};
