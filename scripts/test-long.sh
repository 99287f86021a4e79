#!/usr/bin/env bash
# Runs the long tests, one file at a time. MUSTER_LONG_BUDGET_S, where set, is the seconds one test may take: tests that
# can be shortened read it and scale their rounds. MUSTER_LONG_LIMIT_S ends the whole run, which then counts as failed.
set -euo pipefail
cd "$(dirname "$0")/.."
export MUSTER_TESTS=long
if [[ -n ${MUSTER_LONG_LIMIT_S:-} ]]; then
  exec timeout --kill-after=30 "$MUSTER_LONG_LIMIT_S" scripts/test.sh "$@"
fi
exec scripts/test.sh "$@"
