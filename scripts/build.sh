#!/usr/bin/env bash
# Checks that the generated code belongs to the contract, then compiles every workspace, tests included.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
scripts/check-gen.sh
tsc -b
echo "build: done, took $((SECONDS - started)) s"
