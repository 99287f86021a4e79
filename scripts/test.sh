#!/usr/bin/env bash
# Runs the tests on the sources. Arguments go to Jest: paths, -t NAME. The last line holds the totals, alone.
# MUSTER_TEST_TOTALS, where set, names a file that gets that line too, so that a caller can add several runs up.
set -uo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
own=$(mktemp)
trap 'rm -f "$own"' EXIT
# What a run that never came to its end is worth: one failure.
echo '0 passed, 1 failed, 0 skipped' >"$own"

MUSTER_TEST_TOTALS=$own node --experimental-vm-modules --disable-warning=ExperimentalWarning \
  node_modules/jest/bin/jest.js --passWithNoTests "$@"
status=$?

if [[ -n ${MUSTER_TEST_TOTALS:-} ]]; then cp "$own" "$MUSTER_TEST_TOTALS"; fi
printf '\ntests took %s s\n' $((SECONDS - started))
cat "$own"
exit $status
