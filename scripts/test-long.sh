#!/usr/bin/env bash
# Runs the long tests. MUSTER_LONG_BUDGET_S, where set, is how many seconds they may take in all: tests that can be
# shortened read it and scale their rounds, and when it has passed twice, the run is ended and counts as failed.
set -euo pipefail
cd "$(dirname "$0")/.."
export MUSTER_TESTS=long
if [[ -n ${MUSTER_LONG_BUDGET_S:-} ]]; then
  exec timeout --kill-after=30 $((MUSTER_LONG_BUDGET_S * 2)) scripts/test.sh "$@"
fi
exec scripts/test.sh "$@"
