#!/usr/bin/env bash
# Runs the tests on the sources. Arguments go to Jest: paths, -t NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
exec node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js --passWithNoTests "$@"
